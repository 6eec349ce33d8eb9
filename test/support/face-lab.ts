/** The bundled face detector in this process, to look for faces in pictures that came out of the product, and to run jobs on. */
import sharp from 'sharp';
import type { EngineJob } from '../../src/core/job.js';
import { type Model, modelRef } from '../../src/core/model.js';
import { Costs } from '../../src/engine/costs.js';
import { openImage } from '../../src/engine/image.js';
import { nothingOpened } from '../../src/engine/open-form.js';
import { type JobTools, runJob } from '../../src/engine/run-job.js';
import { Sessions } from '../../src/engine/sessions.js';
import { runStage } from '../../src/engine/stage.js';
import { bundledModels } from '../../src/parts.js';
import { openRegistry } from '../../src/registry/registry.js';
import { tasks } from '../../src/tasks/index.js';
import { job } from './engine-lab.js';

export class FaceLab {
  readonly faces: { readonly model: string; readonly variant: string };
  readonly #tools: JobTools;

  constructor(model: Model, masks: JobTools['masks'] = {}) {
    this.faces = { model: modelRef(model), variant: model.variants[0]?.name ?? '' };
    const sessions = new Sessions({ models: [model], threads: 1, arena: false, maxMemoryBytes: 2 ** 30 });
    this.#tools = { tasks: new Map(tasks.map((task) => [task.name, task])), sessions, costs: new Costs(), pipelines: new Map(), masks };
  }

  static async open(masks: JobTools['masks'] = {}): Promise<FaceLab> {
    const model = (await openRegistry([bundledModels])).defaultFor('detect-faces');
    if (model === null) throw new Error('no face model is bundled');
    return new FaceLab(model, masks);
  }

  /** How many faces a pipeline with the task's defaults would find. */
  async facesIn(encoded: Uint8Array): Promise<number> {
    const image = await openImage(encoded);
    const stage = { as: 'faces', task: 'detect-faces', ...this.faces, options: { min_score: 0.75, tiles: 'auto', max_runs: 32 } };
    const { observations, error } = await runStage(stage, { ...nothingOpened, image, file: null }, null, this.#tools);
    if (error !== undefined) throw error;
    return observations.length;
  }

  run(bytes: Uint8Array, more: Partial<EngineJob>) {
    return runJob(job([], more, bytes), this.#tools);
  }
}

/** A photo of a woman who looks into the camera, with where it was taken in its EXIF. */
export async function photoOfFace(): Promise<Buffer> {
  const gps = { IFD0: { Copyright: 'canary-copyright' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1' } };
  return sharp('samples/astronaut.png').removeAlpha().jpeg({ quality: 90 }).withExif(gps).toBuffer();
}
