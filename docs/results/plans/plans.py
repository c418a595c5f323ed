"""Prints what `lit_tf.plan` finds on networks of `keras.applications`.

    python docs/results/plans/plans.py > docs/results/plans/plans.md

Nothing is downloaded: a plan does not depend on the weights.
"""

import keras

import lit_tf

NETWORKS = (
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "ResNet50V2",
    "ResNet101V2",
    "ResNet152V2",
    "MobileNetV2",
    "MobileNetV3Small",
    "MobileNetV3Large",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
    "Xception",
    "InceptionV3",
    "InceptionResNetV2",
    "VGG16",
    "DenseNet121",
    "NASNetMobile",
)


def main():
    print("# What `lit_tf.plan` finds\n")
    print("At 224×224×3 and 1,000 classes. FLOPs are 2 × multiply-adds.\n")
    for name in NETWORKS:
        keras.backend.clear_session()
        model = getattr(keras.applications, name)(
            weights=None, input_shape=(224, 224, 3)
        )
        print(f"## {name}\n\n{lit_tf.plan(model)}\n", flush=True)


if __name__ == "__main__":
    main()
