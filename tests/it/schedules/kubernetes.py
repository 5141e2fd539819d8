"""What Kubernetes' own schemas have against the documents of a file, a line each."""

import sys

import kubernetes_validate
import yaml

with open(sys.argv[1]) as file:
    for document in yaml.safe_load_all(file):
        try:
            kubernetes_validate.validate(document, "1.31", strict=True)
        except kubernetes_validate.ValidationError as error:
            print(document["kind"], error.message)
