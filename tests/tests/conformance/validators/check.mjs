// Reads schema, tab, data in each line, and writes what Ajv says to each.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const Ajv = require("ajv/dist/2020").default;

let text = "";
for await (const chunk of process.stdin) text += chunk;
for (const line of text.trim().split("\n")) {
  const [schema, data] = line.split("\t");
  try {
    const validate = new Ajv({ logger: false }).compile(JSON.parse(schema));
    console.log(validate(JSON.parse(data)) ? "valid" : "invalid");
  } catch {
    console.log("refused");
  }
}
