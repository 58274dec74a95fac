"""Classes, data sets and what each set labels.

A class that a set does not label is *unlabelled*, not absent: teacher boxes stand in for it, weak teacher boxes are ignored.
"""

NAMES = ("Vehicle", "TwoWheeler", "Person", "RoadSign")
VEHICLE, TWO_WHEELER, PERSON, ROAD_SIGN = range(4)

V, T, P, S = VEHICLE, TWO_WHEELER, PERSON, ROAD_SIGN

# set -> classes whose human labels are complete. Everything else is unlabelled or labelled in part.
COMPLETE = {
    "atl-version-2": {V, T},
    "modes-of-transport": {T},
    "motor-gate-jk": {T, P},
    "motorbikes-jt": {T},
    "openimages-vehicles": {V},
    "rf100-road-traffic": {V, T},
    "road-traffic-4": {V, T, P},
    "signs-close-kc": {S},
    "traffic-identifier-lc": {V, T, P},
    "traffic-signs-europe": {S},
    "workers-es": {P},
}

# Sets exported with a plain stretch to a square: their aspect ratio is drawn anew in training.
STRETCHED = {
    "bangkok-buses", "helmet-riders-lalit", "helmet-riders-mit", "helmet-sreyansd", "lowvis-driving-sj",
    "modes-of-transport", "openimages-vehicles", "parking-tl", "potholes-street", "ppe-outdoor", "road-traffic-4",
    "sidewalk-wb", "signs-close-kc", "traffic-identifier-lc", "traffic-level-si", "traffic-signs-europe",
    "vehicle-detection-fv", "workers-es", "openimages-people",
}

# Classes of which the set labels some kinds only, so that "nothing here" teaches nothing (signs-minsk: stop, speed limit and crossing).
PARTIAL = {"signs-minsk": {S}}

NIGHT = "km39-night"

# Never trained on. The second line is made by collect.py.
VALIDATION = {
    "traffic-identifier-lc", "openimages-person-bicycle", "signs-close-kc",
    NIGHT, "photos-indonesia", "cctv-korea", "signs-germany",
}

# Human boxes count only where a teacher sees the object too (they hold groups, dolls, statues), and are ignored elsewhere.
CHECKED = {"openimages-people": {P}}

# How often a picture of the set is drawn (default 1): everyday photographs more often, near-uniform scenes less.
SAMPLING = {
    "openimages-vehicles": 2.0,
    "openimages-people": 2.0,
    "openimages-street": 2.0,
    "infrared-people": 0.5,
    "traffic-signs-europe": 1.8,
    "signs-minsk": 1.5,
    "road-traffic-4": 1.2,
    "workers-es": 0.7,
    "ppe-outdoor": 0.8,
    "helmet-riders-lalit": 0.7,
    "helmet-riders-ashu": 0.8,
    "clips": 1.5,
    "scenes": 0.4,
}
