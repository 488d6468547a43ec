"""Names on the wire: signatures, inputs and outputs of an export."""

SCORES_SIGNATURE = "serving_default"
EMBEDDINGS_SIGNATURE = "encoder_embeddings"

IN0 = "in0"
IN1 = "in1"

SCORES = "scores"
EMBEDDINGS = "embeddings"
