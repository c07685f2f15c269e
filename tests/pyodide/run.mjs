// Runs pytest on CPython 3.14, which the npm package `pyodide` carries as WebAssembly:
// node --experimental-wasm-stack-switching run.mjs PACKAGES CHECKOUT [pytest's arguments …]
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [packages, checkout, ...args] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const { loadPyodide } = await import(pathToFileURL(require.resolve("pyodide/pyodide.mjs")));
const python = await loadPyodide({ env: { HOME: "/tmp", PYTHONDONTWRITEBYTECODE: "1" } });
for (const [path, root] of [["/packages", packages], ["/checkout", checkout]]) {
  python.FS.mkdirTree(path);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, path);
}
const status = await python.runPythonAsync(`
import os, sys
sys.path_importer_cache.clear()
sys.path.insert(0, "/packages")
sys.path.append("/checkout")  # for tests.*; the package itself is the installed one
os.chdir("/checkout")
import pytest
print(sys.version)
int(pytest.main(${JSON.stringify(args)}, plugins=[]))
`);
process.exit(status);
