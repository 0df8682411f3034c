// Holds an AsyncAPI document against the specification, with every schema that it names.
//
//     node asyncapi.mjs ../asyncapi.yaml        ends with 1 when there is anything to say against it

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Parser } from "@asyncapi/parser";

/** What the rules of the parser say that is meant as it is: advice about newer versions, a contact that nobody is. */
const ACCEPTED = ["asyncapi-latest-version", "asyncapi-info-contact", "asyncapi-id"];

const file = resolve(process.argv[2]);
const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"), { source: file });
const faults = diagnostics.filter(({ code }) => !ACCEPTED.includes(code));
for (const { code, message, path, range } of faults) {
  console.error(`asyncapi: line ${range.start.line + 1}: ${path.join(".")}: ${message} (${code})`);
}
if (!document || faults.length > 0) process.exit(1);
console.log(`asyncapi: ${document.channels().length} channels and ${document.allMessages().length} messages are as AsyncAPI ${document.version()} has them`);
