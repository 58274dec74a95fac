"""Scores every tracker of `slipstream track` on MOT15 with TrackEval, beside published trackers on the same detections.

Nothing of the data is part of the project: it lies in the assets folder, and without that this says SKIPPED.
"""

import argparse
import configparser
import contextlib
import gzip
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

TRACKERS = ["slip", "iou", "sort", "bytetrack", "ocsort"]
BASELINES = {
    "sort": "SORT",
    "sort_age30": "SORT, 30 frames of memory",
    "ocsort": "OC-SORT",
    "bytetrack": "ByteTrack",
}
COLUMNS = ["HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW"]
# How far the trackers that have a paper may be from their baselines, and how far ours has to be above the best of them.
TOLERANCE = 0.5
LEAD = 1.0


def run_trackers(program, data, work, sequences):
    for tracker in TRACKERS:
        folder = work / "trackers" / "MOT15-train" / tracker / "data"
        folder.mkdir(parents=True)
        for sequence in sequences:
            detections, out = data / "det" / f"{sequence}.txt.gz", folder / f"{sequence}.txt"
            arguments = ["--tracker", tracker, "--size", picture_size(data, sequence), "--out", out]
            subprocess.run([program, "track", detections, *arguments], check=True)


def unpack_truth(data, work, sequences):
    for sequence in sequences:
        folder = work / "gt" / "MOT15-train" / sequence
        (folder / "gt").mkdir(parents=True)
        source = data / "gt" / sequence
        shutil.copy(source / "seqinfo.ini", folder)
        with gzip.open(source / "gt" / "gt.txt.gz", "rb") as packed:
            (folder / "gt" / "gt.txt").write_bytes(packed.read())


def sequence_info(data, sequence):
    info = configparser.ConfigParser()
    info.read(data / "gt" / sequence / "seqinfo.ini")
    return info["Sequence"]


def length(data, sequence):
    return sequence_info(data, sequence).getint("seqLength")


def picture_size(data, sequence):
    info = sequence_info(data, sequence)
    return f"{info['imWidth']}x{info['imHeight']}"


def evaluate(work, sequences):
    import trackeval

    evaluator = trackeval.Evaluator(
        {
            **trackeval.Evaluator.get_default_eval_config(),
            "USE_PARALLEL": False,
            "BREAK_ON_ERROR": True,
            "PRINT_RESULTS": False,
            "PRINT_CONFIG": False,
            "TIME_PROGRESS": False,
            "OUTPUT_SUMMARY": False,
            "OUTPUT_DETAILED": False,
            "PLOT_CURVES": False,
        }
    )
    dataset = trackeval.datasets.MotChallenge2DBox(
        {
            **trackeval.datasets.MotChallenge2DBox.get_default_dataset_config(),
            "GT_FOLDER": str(work / "gt"),
            "TRACKERS_FOLDER": str(work / "trackers"),
            "TRACKERS_TO_EVAL": TRACKERS,
            "BENCHMARK": "MOT15",
            "SPLIT_TO_EVAL": "train",
            "SEQ_INFO": sequences,
            "PRINT_CONFIG": False,
        }
    )
    quiet = {"PRINT_CONFIG": False}
    metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)]
    with contextlib.redirect_stdout(io.StringIO()):
        results, _ = evaluator.evaluate([dataset], metrics)
    table = {}
    for tracker, by_sequence in results["MotChallenge2DBox"].items():
        table[tracker] = {}
        for sequence, by_class in by_sequence.items():
            scores = by_class["pedestrian"]
            table[tracker][sequence] = {
                **{name: 100 * scores["HOTA"][name].mean() for name in ("HOTA", "DetA", "AssA")},
                "MOTA": 100 * scores["CLEAR"]["MOTA"],
                "IDF1": 100 * scores["Identity"]["IDF1"],
                "IDSW": int(scores["CLEAR"]["IDSW"]),
            }
    return table


def line(name, scores):
    figures = [f"{scores[column]:6d}" if column == "IDSW" else f"{scores[column]:6.2f}" for column in COLUMNS]
    return f"| {name:36} | " + " | ".join(figures) + " |"


def report(table, baselines, sequence):
    print(f"| {sequence:36} | " + " | ".join(f"{column:>6}" for column in COLUMNS) + " |")
    print("|" + "-" * 38 + "|" + "|".join(["-------:"] * len(COLUMNS)) + "|")
    for key, name in BASELINES.items():
        if key in baselines:
            print(line(f"{name} (baseline)", baselines[key][sequence]))
    for tracker in TRACKERS:
        print(line(f"slipstream {tracker}", table[tracker][sequence]))
    print()


def judge(table, baselines):
    """What is not as it has to be."""
    whole = "COMBINED_SEQ"
    for tracker in ("sort", "bytetrack", "ocsort"):
        ours, theirs = table[tracker][whole]["HOTA"], baselines[tracker][whole]["HOTA"]
        if abs(ours - theirs) > TOLERANCE:
            yield f"{tracker}: HOTA {ours:.2f}, its baseline {theirs:.2f}: more than {TOLERANCE} apart"
    for column in ("HOTA", "IDF1"):
        best = max(scores[whole][column] for scores in baselines.values())
        ours = table["slip"][whole][column]
        if ours < best + LEAD:
            yield f"slip: {column} {ours:.2f}, the best baseline {best:.2f}: less than {LEAD} above"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=pathlib.Path, required=True, help="folder with tracking/")
    parser.add_argument("--program", type=pathlib.Path, required=True, help="slipstream")
    parser.add_argument("--sequences", action="store_true", help="a table for each sequence too")
    arguments = parser.parse_args()
    data = arguments.assets / "tracking" / "mot15-train"
    if not data.is_dir():
        print(f"SKIPPED: no {data}; set SLIPSTREAM_ASSETS to the assets folder")
        return 0
    (baselines,) = json.loads((arguments.assets / "tracking" / "baselines-mot15.json").read_text()).values()
    names = sorted(folder.name for folder in (data / "gt").iterdir())
    sequences = {name: length(data, name) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        unpack_truth(data, work, sequences)
        run_trackers(arguments.program, data, work, sequences)
        table = evaluate(work, sequences)
    if arguments.sequences:
        for sequence in sequences:
            report(table, baselines, sequence)
    report(table, baselines, "COMBINED_SEQ")
    complaints = list(judge(table, baselines))
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
