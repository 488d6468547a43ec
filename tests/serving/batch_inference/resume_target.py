"""A job to be killed; run as a script: resume_target.py INPUT OUTPUT."""

import sys

from serving.batch_inference.job import Job
from serving.batch_inference.run_job import run_job
from tests.serving.batch_inference.fake_model import FakeModel

if __name__ == "__main__":
    job = Job(
        inputs=(sys.argv[1],), output=sys.argv[2], window=16, batch_size=4
    )
    run_job(job, FakeModel(seconds=0.01))
