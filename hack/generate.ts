// Writes all that is made from crds/, hack/dashboards/, monitoring/ and the charts' values, in order: the last of them reads what others
// write. With --check, fails when any of it is stale.
import "./crd-types.ts";
import "./dashboards.ts";
import "./charts/files.ts";
import "./charts/cluster-schema.ts";
import "./charts/readme.ts";
