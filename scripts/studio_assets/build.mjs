// Builds and copies the vendored files of the Studio: `make studio-assets`.
//
//     node build.mjs [FOLDER]        (default: service/api/web/static/vendor)
//
// package-lock.json pins every package with its integrity. Swagger UI is bundled again, because its published files have
// 485 kB compressed, and most of that is for documents that ours is not. `REPLACEMENTS` says what is used instead, and
// its style sheet keeps the layout of what its script names.
import { build } from "esbuild";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "node_modules");
const vendor = process.argv[2] ?? resolve(here, "../../service/api/web/static/vendor");
const replaced = (name) => join(here, "replacements", `${name}.mjs`);
const manifest = (name) => JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));
const version = (name) => manifest(name).version;

const COPIES = [
  ["bootstrap", "dist/css/bootstrap.min.css", "min.css"],
  ["htmx.org", "dist/htmx.min.js", "min.js"],
  ["uplot", "dist/uPlot.iife.min.js", "iife.min.js"],
  ["uplot", "dist/uPlot.min.css", "min.css"],
];
const REPLACEMENTS = [
  [/^swagger-client\/es\/resolver\/strategies\/openapi-3-1-apidom$/, replaced("openapi_3_1")],
  [/^@swagger-api\/apidom-reference\/configuration\/empty$/, replaced("apidom_url")],
  [/^react-syntax-highlighter\//, replaced("highlighter")],
  [/^remarkable\/linkify$/, replaced("no_links")],
  [/^js-yaml$/, replaced("yaml")],
  [/\/helpers\/cookie\.js$/, replaced("cookie")],
  [/^@babel\/runtime-corejs3\/helpers\/extends$/, replaced("assign")],
  [/^react$/, join(packages, "preact/compat/dist/compat.module.js")],
  [/^react-dom$/, replaced("react_dom")],
];
const OWN_STYLES = /^(color|background|background-color|(box|text)-shadow|fill|outline|font-family|font|opacity)$/;
const COLOUR = /#[0-9a-f]{3,8}\b|(rgb|hsl)a?\([^)]*\)/gi;

for (const [name, file, ending] of COPIES) {
  const title = name.replace(".org", "");
  removeOld(title, ending);
  copyFileSync(join(packages, name, file), join(vendor, `${title}-${version(name)}.${ending}`));
  copyFileSync(licenseOf(name), join(vendor, `${title}-LICENSE`));
}

removeOld("swagger-ui", "js");
removeOld("swagger-ui", "css");
const { code, bundled } = await bundleSwagger();
write(`swagger-ui-${version("swagger-ui")}.js`, code);
write(`swagger-ui-${version("swagger-ui")}.css`, await usedStyles(code));
write("swagger-ui-LICENSES", licenses(bundled));

const files = readdirSync(vendor).filter((name) => /\.(js|css)$/.test(name));
const sizes = files.map((name) => [gzipSync(readFileSync(join(vendor, name)), { level: 9 }).length, name]);
for (const [size, name] of sizes) console.log(`${String(size).padStart(8)} bytes compressed  ${name}`);
console.log(`${String(sizes.reduce((sum, [size]) => sum + size, 0)).padStart(8)} bytes compressed  in total`);

/** The script of Swagger UI, and the folders of the packages in it. */
async function bundleSwagger() {
  const smaller = {
    name: "smaller",
    setup({ onResolve }) {
      for (const [filter, path] of REPLACEMENTS) onResolve({ filter }, () => ({ path }));
    },
  };
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: ["swagger_ui.mjs"],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "iife",
    target: "es2022",
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    banner: { js: "/* Swagger UI and its packages; see swagger-ui-LICENSES. Built by scripts/studio_assets. */" },
    plugins: [smaller],
  });
  const [inputs] = Object.values(metafile.outputs).map((output) => Object.entries(output.inputs));
  const used = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
  const folders = used.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean);
  return { code: outputFiles[0].text, bundled: [...new Set(folders)].sort() };
}

/** The styles whose names occur in the script, without colours and fonts: docs.css has those of our pages. */
async function usedStyles(script) {
  const css = readFileSync(join(packages, "swagger-ui/dist/swagger-ui.css"), "utf8").replace(/\/\*#.*?\*\//g, "");
  const [used] = await new PurgeCSS().purge({ content: [{ raw: script, extension: "js" }], css: [{ raw: css }] });
  const styles = postcss.parse(used.css);
  styles.walkRules(/\.dark-mode/, (rule) => rule.remove());
  styles.walkDecls((declaration) => {
    if (OWN_STYLES.test(declaration.prop)) declaration.remove();
    else if (/^border/.test(declaration.prop)) declaration.value = declaration.value.replace(COLOUR, "var(--st-line)");
  });
  styles.walkRules((rule) => rule.nodes.length || rule.remove());
  return styles.toString();
}

/** The licences of all packages in the bundle: each text once, after the packages that it belongs to. */
function licenses(folders) {
  const named = new Map();
  for (const folder of folders) {
    const name = folder.replace(/^.*node_modules\//, "");
    const { version, license } = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
    const file = licenseOf(folder.replace("node_modules/", ""));
    const text = file ? readFileSync(file, "utf8").trim() : "(the package has no licence file)";
    named.set(text, [...(named.get(text) ?? []), `${name} ${version}, ${license}`]);
  }
  const notice = readFileSync(join(packages, "swagger-ui/NOTICE"), "utf8").trim();
  const parts = [...named].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  return [`${notice}\n`, ...parts].join(`\n${"-".repeat(80)}\n\n`);
}

function licenseOf(name) {
  const folder = join(packages, name);
  const found = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /^(licen[cs]e|apache-2)/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.slice(folder.length).includes("node_modules"));
  return found.sort((one, other) => one.length - other.length)[0];
}

function removeOld(title, ending) {
  for (const file of readdirSync(vendor)) {
    if (file.startsWith(`${title}-`) && file.endsWith(`.${ending}`)) rmSync(join(vendor, file));
  }
}

function write(name, text) {
  writeFileSync(join(vendor, name), text);
}
