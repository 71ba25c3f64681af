import { visitorStreamSuite } from './visitor-stream.ts'

visitorStreamSuite({ name: 'tcp', protocol: 'tcp' }, 'stcp')
