/* A parser of one's own: an output "detections" of [N, 6] with class, score, centre x, y, width and height in fractions of the
 * network's input. Build it and name it in a configuration as include/slipstream_parser.h says.
 */
#include <slipstream_parser.h>
#include <string.h>

SLIPSTREAM_PARSER

enum { COLUMNS = 6 };

SLIPSTREAM_PARSER_EXPORT int64_t my_parser(const slipstream_tensor *tensors, uint64_t tensor_count,
                                           const slipstream_parse_info *info, slipstream_box *boxes, uint64_t capacity) {
    for (uint64_t t = 0; t < tensor_count; t++) {
        const slipstream_tensor *tensor = &tensors[t];
        if (strcmp(tensor->name, "detections") != 0 || tensor->rank != 2 || tensor->dims[1] != COLUMNS)
            continue;
        uint64_t found = 0;
        for (uint64_t i = 0; i < tensor->dims[0] && found < capacity; i++) {
            const float *row = tensor->data + i * COLUMNS;
            if (!(row[0] >= 0) || row[0] >= (float)info->class_count || row[1] < info->thresholds[(uint64_t)row[0]])
                continue;
            slipstream_box *box = &boxes[found++];
            box->class_id = (uint32_t)row[0];
            box->confidence = row[1];
            box->width = row[4] * (float)info->network_width;
            box->height = row[5] * (float)info->network_height;
            box->left = row[2] * (float)info->network_width - box->width / 2;
            box->top = row[3] * (float)info->network_height - box->height / 2;
        }
        return (int64_t)found;
    }
    return -1;
}
