/** Every task there is. To add one: its file, a line here, a mirror test. */
import type { Task } from '../core/contracts.js';
import { classifyOrientation } from './classify-orientation.js';
import { denoiseSpeech } from './denoise-speech.js';
import { detectAnomaly } from './detect-anomaly.js';
import { detectFaces } from './detect-faces.js';
import { detectSpeech } from './detect-speech.js';
import { detectText } from './detect-text.js';
import { identifyFile } from './identify-file.js';
import { readText } from './read-text.js';
import { spotKeyword } from './spot-keyword.js';

export const tasks: readonly Task[] = [
  classifyOrientation,
  denoiseSpeech,
  detectAnomaly,
  detectFaces,
  detectSpeech,
  detectText,
  identifyFile,
  readText,
  spotKeyword,
];
