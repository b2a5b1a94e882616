import { join } from "node:path";
import { toolsFolder } from "../src/local/binaries.ts";

/** The OCI image layout that holds all images which nodes can pull. */
export function imagesFolder(): string {
  return join(toolsFolder(process.env), "..", "images");
}
