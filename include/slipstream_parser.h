/* Parsers of detectors' outputs in shared libraries, for Slipstream's nvinfer-format configuration:
 *
 *     [property]
 *     custom-lib-path=libmine.so
 *     parse-bbox-func-name=my_parser
 *
 * A library has one function of type slipstream_parse_function for each kind of outputs, and says once, by the line
 * SLIPSTREAM_PARSER, which version of this header it was built with. Build it as C or C++:
 *
 *     cc -O2 -shared -fPIC -I include -o libmine.so mine.c
 *
 * examples/parser/mine.c is a whole one.
 */
#ifndef SLIPSTREAM_PARSER_H
#define SLIPSTREAM_PARSER_H

#include <stdint.h>

#define SLIPSTREAM_PARSER_ABI 1u

#ifdef __cplusplus
#define SLIPSTREAM_PARSER_C extern "C"
#else
#define SLIPSTREAM_PARSER_C
#endif

#if defined(__GNUC__)
#define SLIPSTREAM_PARSER_EXPORT SLIPSTREAM_PARSER_C __attribute__((visibility("default")))
#else
#define SLIPSTREAM_PARSER_EXPORT SLIPSTREAM_PARSER_C
#endif

/* Stands once in every library, without a semicolon. */
#define SLIPSTREAM_PARSER                                   \
    SLIPSTREAM_PARSER_EXPORT uint32_t slipstream_parser_abi(void) { return SLIPSTREAM_PARSER_ABI; }

/* An output tensor of one image. */
typedef struct slipstream_tensor {
    const char *name;
    /* Dimensions without the batch, `rank` of them. */
    const uint64_t *dims;
    uint64_t rank;
    /* `count` numbers, the last dimension running fastest. Whole numbers of the model have been converted. */
    const float *data;
    uint64_t count;
} slipstream_tensor;

typedef struct slipstream_parse_info {
    /* Size of the network's input in pixels. */
    uint32_t network_width;
    uint32_t network_height;
    /* The part of it that the picture covers; the rest is padding. */
    float image_left;
    float image_top;
    float image_width;
    float image_height;
    /* Least confidence of each class, `class_count` of them. Boxes below, and boxes of other classes, are dropped. */
    const float *thresholds;
    uint64_t class_count;
} slipstream_parse_info;

/* An object, in pixels of the network's input. What reaches over the picture is cut off. */
typedef struct slipstream_box {
    uint32_t class_id;
    float confidence;
    float left;
    float top;
    float width;
    float height;
} slipstream_box;

/* Writes at most `capacity` boxes to `boxes` and returns how many it wrote; a number below 0 says that it cannot read the
 * outputs, which stops the pipeline with that number in the message, and so does one above `capacity`.
 *
 * All pointers are valid during the call only. Calls come from several threads at the same time, so nothing may be kept in
 * static variables. Nothing may be thrown. Clustering (cluster-mode) comes after it.
 */
typedef int64_t slipstream_parse_function(const slipstream_tensor *tensors, uint64_t tensor_count,
                                          const slipstream_parse_info *info, slipstream_box *boxes, uint64_t capacity);

#endif
