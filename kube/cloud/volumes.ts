import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CoreV1Api, V1PersistentVolume, V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { forEach } from "./each.ts";

export const provisioner = "disroom.io/node-folder";
const provisionedBy = "pv.kubernetes.io/provisioned-by";

/**
 * Makes a folder on a node's disk for each PersistentVolumeClaim of the StorageClass `standard`, on the node that the
 * scheduler has chosen, and removes it with its claim. As with disks that are built into a node, a pod with such a
 * volume can run on that node alone. How much is written there is not limited.
 */
export class VolumeProvisioner {
  readonly #api: CoreV1Api;
  /** For each node by its name, where its /var/lib is for this process. */
  readonly #disks: ReadonlyMap<string, string>;

  constructor(api: CoreV1Api, disks: ReadonlyMap<string, string>) {
    this.#api = api;
    this.#disks = disks;
  }

  /** One round: a volume for each claim that waits for one, and none for those that are gone. */
  async update(): Promise<void> {
    const claims = await this.#api.listPersistentVolumeClaimForAllNamespaces();
    const volumes = await this.#api.listPersistentVolume();
    const names = new Set(volumes.items.map((volume) => volume.metadata?.name));
    const waiting = claims.items.filter((claim) => waitsForUs(claim) && !names.has(volumeName(claim)));
    await forEach(waiting, (claim) => this.#provision(claim));
    await forEach(volumes.items.filter(isReleased), (volume) => this.#remove(volume));
  }

  async #provision(claim: V1PersistentVolumeClaim): Promise<void> {
    const node = claim.metadata?.annotations?.[selectedNode] ?? "";
    const disk = this.#disks.get(node);
    if (disk === undefined) return;
    const name = volumeName(claim);
    const folder = join(disk, volumesFolder, name);
    await mkdir(folder, { recursive: true });
    // Whoever the pod runs as.
    await chmod(folder, 0o777);
    await this.#api.createPersistentVolume({
      body: {
        metadata: { name, annotations: { [provisionedBy]: provisioner } },
        spec: {
          capacity: { storage: claim.spec?.resources?.requests?.storage ?? "" },
          accessModes: claim.spec?.accessModes ?? [],
          persistentVolumeReclaimPolicy: "Delete",
          storageClassName: claim.spec?.storageClassName ?? "",
          claimRef: {
            apiVersion: "v1",
            kind: "PersistentVolumeClaim",
            name: claim.metadata?.name ?? "",
            namespace: claim.metadata?.namespace ?? "",
            uid: claim.metadata?.uid ?? "",
          },
          local: { path: join("/var/lib", volumesFolder, name) },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
              ],
            },
          },
        },
      },
    });
  }

  async #remove(volume: V1PersistentVolume): Promise<void> {
    const name = volume.metadata?.name ?? "";
    for (const disk of this.#disks.values())
      await rm(join(disk, volumesFolder, name), { recursive: true, force: true });
    await this.#api.deletePersistentVolume({ name });
  }
}

/** In a node's /var/lib. */
const volumesFolder = "volumes";

// The scheduler and the controller manager set these on a claim whose volume somebody else is to make.
const selectedNode = "volume.kubernetes.io/selected-node";
const storageProvisioner = "volume.kubernetes.io/storage-provisioner";

function waitsForUs({ metadata, spec, status }: V1PersistentVolumeClaim): boolean {
  return (
    status?.phase === "Pending" &&
    !spec?.volumeName &&
    metadata?.annotations?.[storageProvisioner] === provisioner &&
    metadata.annotations[selectedNode] !== undefined
  );
}

function volumeName(claim: V1PersistentVolumeClaim): string {
  return `pvc-${claim.metadata?.uid}`;
}

function isReleased({ metadata, spec, status }: V1PersistentVolume): boolean {
  return (
    status?.phase === "Released" &&
    spec?.persistentVolumeReclaimPolicy === "Delete" &&
    metadata?.annotations?.[provisionedBy] === provisioner &&
    metadata.deletionTimestamp === undefined
  );
}
