/** Every task there is. To add one: its file, a line here, a mirror test. */
import type { Task } from '../core/task.js';
import { classifyImage } from './classify-image.js';
import { classifyOrientation } from './classify-orientation.js';
import { classifyPersonPresence } from './classify-person-presence.js';
import { classifySeries } from './classify-series.js';
import { classifySound } from './classify-sound.js';
import { classifyText } from './classify-text.js';
import { denoiseSpeech } from './denoise-speech.js';
import { detectAnomaly } from './detect-anomaly.js';
import { detectFaces } from './detect-faces.js';
import { detectMotion } from './detect-motion.js';
import { detectObjects } from './detect-objects.js';
import { detectSoundAnomaly } from './detect-sound-anomaly.js';
import { detectSpeech } from './detect-speech.js';
import { detectText } from './detect-text.js';
import { embedAudio } from './embed-audio.js';
import { embedImage } from './embed-image.js';
import { estimateHeadPose } from './estimate-head-pose.js';
import { estimatePose } from './estimate-pose.js';
import { identifyFile } from './identify-file.js';
import { landmarkFace } from './landmark-face.js';
import { measureSeries } from './measure-series.js';
import { readText } from './read-text.js';
import { spotKeyword } from './spot-keyword.js';

export const tasks: readonly Task[] = [
  classifyImage,
  classifyOrientation,
  classifyPersonPresence,
  classifySeries,
  classifySound,
  classifyText,
  denoiseSpeech,
  detectAnomaly,
  detectFaces,
  detectMotion,
  detectObjects,
  detectSoundAnomaly,
  detectSpeech,
  detectText,
  embedAudio,
  embedImage,
  estimateHeadPose,
  estimatePose,
  identifyFile,
  landmarkFace,
  measureSeries,
  readText,
  spotKeyword,
];
