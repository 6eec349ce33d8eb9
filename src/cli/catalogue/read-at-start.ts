/** What every command says that changes models under a daemon that may run. */
export const readAtStart = 'The daemon reads models, pins and calibrations at its start: "systemctl reload shoal" (nothing is lost by it).';
