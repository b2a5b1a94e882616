// Copies the files that the compiler leaves behind (Redis scripts) from src/ to the same place in dist/.
import { cpSync, globSync } from "node:fs";

for (const file of globSync("**/*.lua", { cwd: "src" })) cpSync(`src/${file}`, `dist/${file}`);
