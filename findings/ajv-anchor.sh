#!/usr/bin/env bash
# Ajv for draft 2020-12 refuses $anchor, a keyword of that draft, as unknown.
#
# Software: ajv 8.20.0 (npm).
# Expected, by the draft and before the run: the reference leads to the part that has the anchor, and 1 is no string: invalid.
# Seen: strict mode, which is the default, refuses the schema; $dynamicAnchor is known.
#
# Needs node and npm. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"dependencies":{"ajv":"8.20.0"}}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts
cat >run.cjs <<'JS'
const Ajv = require("ajv/dist/2020").default;
for (const schema of [
  { $ref: "#text", $defs: { a: { $anchor: "text", type: "string" } } },
  { $ref: "#/$defs/a", $defs: { a: { $dynamicAnchor: "text", type: "string" } } },
]) {
  try {
    console.log(new Ajv().compile(schema)(1) ? "valid" : "invalid");
  } catch (error) {
    console.log(error.message);
  }
}
JS
seen=$(node run.cjs)
echo "ajv 8.20.0, node $(node --version)"
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
strict mode: unknown keyword: "$anchor"
invalid
SEEN
