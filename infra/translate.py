"""Turns the SAM template into the CloudFormation template it stands for.

As a command: `translate.py template.yaml > out.json`, for cfn-lint. The end-to-end harness imports `load`.
"""

import json
import os
import pathlib
import sys

# samtranslator asks botocore for the partition; no request is made.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


def load(path):
    """The template as data, with short-form functions spelled out."""
    return yaml_parse(pathlib.Path(path).read_text())


def functions(template):
    """Logical id and resource of each function."""
    return {name: r for name, r in template["Resources"].items() if r["Type"] == "AWS::Serverless::Function"}


def translate(template):
    for function in functions(template).values():
        # A local folder is something only the SAM CLI can package.
        function["Properties"]["CodeUri"] = "s3://stand-in/code.zip"
    session = boto3.session.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, {})


if __name__ == "__main__":
    json.dump(translate(load(sys.argv[1])), sys.stdout, indent=1)
