"""Names on the wire: signatures, inputs and outputs of an export."""

SCORES_SIGNATURE = "serving_default"
EMBEDDINGS_SIGNATURE = "encoder_embeddings"

# The values of SageMaker's INFERENCE_PREFERRED_MODE.
MODES = {
    "classification": SCORES_SIGNATURE,
    "embedding": EMBEDDINGS_SIGNATURE,
}

IN0 = "in0"
IN1 = "in1"

SCORES = "scores"
EMBEDDINGS = "embeddings"
