// KCP with forward error correction, as frp speaks it: a reliable byte stream over UDP. The face of
// this folder.
export type { ConversationOptions } from './conversation.ts'
export { isKcpDatagram } from './fec-packet.ts'
export { KcpStream, type KcpStreamOptions } from './stream.ts'
