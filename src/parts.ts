/**
 * Everything that plugs in, in one typed list each: a part that is not named here does not exist.
 *
 * Static lists rather than discovery: the compiler checks them, and a broken part fails the build instead of vanishing.
 */
import { fileURLToPath } from 'node:url';
import { engineOptions } from './engine/options.js';
import { httpOptions } from './http/http-options.js';
import { cameraInput } from './inputs/camera.js';
import { execInput } from './inputs/exec.js';
import { folderInput } from './inputs/folder.js';
import { httpInput } from './inputs/http.js';
import { hwmonInput } from './inputs/hwmon.js';
import { iioInput } from './inputs/iio.js';
import { microphoneInput } from './inputs/microphone.js';
import { mqttInput } from './inputs/mqtt.js';
import { serialInput } from './inputs/serial.js';
import { thermalInput } from './inputs/thermal.js';
import { mqttConnection } from './mqtt/connection.js';
import { boardOptions } from './ops/board-options.js';
import { logOptions } from './ops/log.js';
import { modelsOptions } from './registry/sources.js';
import { fileSink } from './sinks/file.js';
import { mqttSink } from './sinks/mqtt.js';
import { storeOptions } from './store/options.js';
import { tasks } from './tasks/index.js';

export const parts = {
  inputs: [folderInput, httpInput, cameraInput, microphoneInput, mqttInput, serialInput, iioInput, hwmonInput, thermalInput, execInput],
  sinks: [mqttSink, fileSink],
  connections: [mqttConnection],
  tasks,
  sections: { models: modelsOptions, engine: engineOptions, board: boardOptions, store: storeOptions, http: httpOptions, log: logOptions },
} as const;

/** Models that come with Shoal; a folder of `paths.models_dirs` comes before them. */
export const bundledModels = fileURLToPath(new URL('../../models', import.meta.url));

/** Cards of models that are to be had: `shoal models add` fetches what is missing. */
export const catalogueFolder = fileURLToPath(new URL('../../catalogue', import.meta.url));

export type Parts = typeof parts;
