/** What the local server answers of kept copies, for tests of the way to it: one copy, and a purge that counts; of drift, and that nobody may watch any more. The real parts are tested in their own rooms. */
import type { HttpDeps } from '../../src/http/http-server.js';

export const keptJpeg = Buffer.from('ffd8ffe0', 'hex');

export const keepsOne: Pick<HttpDeps, 'kept' | 'inputs' | 'purge' | 'drift' | 'taps' | 'reload'> = {
  drift: {
    list: () => [
      { pipeline: 'signs', signal: 'lines.score', drift: { psi: 0.4, low: 0.3, high: 0.5 }, reference: 500 },
      { pipeline: 'signs', signal: 'outcome', drift: null, reference: 20 },
    ],
    reset: async (pipeline) => pipeline === 'signs',
  },
  inputs: ['inbox'],
  taps: { names: ['inbox', 'door'], hidden: new Set(['door']), open: () => null },
  reload: { boot: () => 7, reload: async () => {} },
  kept: {
    list: async ({ input }) =>
      input === 'other' ? [] : [{ id: 'c1', input: 'inbox', mediaType: 'image/jpeg', bytes: 4, keptAt: '2026-11-23T12:00:00.000Z' }],
    read: async (id) => (id === 'c1' ? { mediaType: 'image/jpeg', bytes: keptJpeg } : null),
  },
  purge: async ({ input, owed }) => {
    const none = { kept_files: 0, kept_bytes: 0, results: 0, events: 0, left_owed: 0, given_up: 0, quarantine: 0 };
    return input === 'inbox'
      ? { ...none, kept_files: 1, kept_bytes: 4, results: 2, left_owed: owed ? 0 : 1, given_up: owed ? 1 : 0 }
      : none;
  },
};
