/**
 * What a micro-batch would save: CPU of one run over eight inputs against eight runs over one, on the bundled models whose cards allow several.
 *
 * One process, one thread, as engines run; both ways in turn, random inputs of one shape. Padding to a common width, which a batch of lines
 * would need as well, is not counted against it.
 */
import type { Tensors } from '../src/core/tensor.js';
import { Session } from '../src/engine/session.js';
import { bundledModels } from '../src/parts.js';
import { openRegistry } from '../src/registry/registry.js';
import { type Figure, figure, median } from './figure.js';
import { seeded } from './rendered/random.js';

const batch = 8;
const rounds = 40;

/** Of a line of usual length. */
const width = 320;

export async function batching(): Promise<readonly Figure[]> {
  const registry = await openRegistry([bundledModels]);
  const able = registry.list().filter(({ inputs }) => typeof inputs[0]?.shape[0] === 'string');
  const figures: Figure[] = [];
  for (const model of able) {
    for (const variant of model.variants) {
      const session = await Session.open(model, variant, { threads: 1, arena: false });
      const input = model.inputs[0];
      if (input === undefined) continue;
      const shape = input.shape.slice(1).map((size) => (typeof size === 'number' ? size : width));
      const feeds = (count: number): Tensors => ({
        [input.name]: { dtype: 'float32', shape: [count, ...shape], data: noise(count, shape) },
      });
      const [one, all] = [feeds(1), feeds(batch)];
      const ratios: number[] = [];
      for (let round = -3; round < rounds; round++) {
        const spent = { single: 0, together: 0 };
        for (const side of round % 2 === 0 ? (['single', 'together'] as const) : (['together', 'single'] as const)) {
          const before = process.cpuUsage();
          if (side === 'together') await session.run(all);
          else for (let i = 0; i < batch; i++) await session.run(one);
          const { user, system } = process.cpuUsage(before);
          spent[side] = user + system;
        }
        if (round >= 0) ratios.push(spent.together / spent.single);
      }
      await session.release();
      const name = `${model.name} ${variant.name}, one run over ${batch} against ${batch} runs`;
      figures.push(figure(name, median(ratios), 'ratio of CPU', 'lower'));
      figures.push(figure('... smallest and largest: smallest', Math.min(...ratios), 'ratio of CPU', 'lower'));
      figures.push(figure('... largest', Math.max(...ratios), 'ratio of CPU', 'lower'));
    }
  }
  return figures;
}

function noise(count: number, shape: readonly number[]): Float32Array {
  const random = seeded(1);
  return Float32Array.from({ length: count * shape.reduce((product, size) => product * size, 1) }, () => random.between(-1, 1));
}
