"""Reads schema, tab, data in each line, and writes what jsonschema says to each."""

import json
import sys
import warnings

from jsonschema import Draft202012Validator

warnings.simplefilter("ignore")
sys.stdin.reconfigure(encoding="utf-8")
for line in sys.stdin:
    schema, data = line.rstrip("\n").split("\t")
    try:
        schema = json.loads(schema)
        Draft202012Validator.check_schema(schema)
        print("valid" if Draft202012Validator(schema).is_valid(json.loads(data)) else "invalid")
    except Exception:
        print("refused")
