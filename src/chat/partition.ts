/**
 * The partition of a room: the 32-bit FNV-1a hash of its id, modulo the partition count.
 * It must never change for a live cluster, since a room's order rests on it.
 */
export function partitionOf(room: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < room.length; i++) {
    hash = Math.imul(hash ^ room.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}
