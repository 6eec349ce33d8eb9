/** What every command says that changes models under a daemon that may run. */
export const readAtStart = 'The daemon reads models and pins at its start: "systemctl restart shoal" (nothing is lost by it).';
