/**
 * Classes of boards: which cores are alike enough that what was measured on one holds for the others.
 *
 * What decides is how fast the core multiplies 8-bit integers, since that decides between an int8 variant and its float one.
 * Deliberately coarse: a class says which variant is likely best; `shoal models tune` says it of this very board.
 */

/** The finer one falls back on the coarser one, that on the default. `dot`: UDOT/SDOT (Armv8.2, Cortex-A55 and A76 on); `vnni`: VPDPBUSD. */
export const boardClasses = ['arm64-dot', 'arm64', 'x64-vnni', 'x64'] as const;

export type BoardClass = (typeof boardClasses)[number];

/** Under which names a card may pin a variant. */
export const pinnable = [...boardClasses, 'default'] as const;

/** `arch` as `process.arch`, `features` as in /proc/cpuinfo. An architecture we do not know counts as x64 without VNNI. */
export function boardClassOf(arch: string, features: readonly string[]): BoardClass {
  if (arch === 'arm64') return features.includes('asimddp') ? 'arm64-dot' : 'arm64';
  return features.includes('avx512_vnni') || features.includes('avx_vnni') ? 'x64-vnni' : 'x64';
}

/** The entry for a class of board in `pinned`: its own, that of the coarser class, or the default. */
export function pinnedFor<Value>(pinned: Readonly<Record<string, Value>>, board: BoardClass): Value | undefined {
  return pinned[board] ?? pinned[board.split('-')[0] ?? ''] ?? pinned.default;
}
