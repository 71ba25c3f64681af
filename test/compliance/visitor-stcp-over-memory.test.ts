import { visitorStreamSuite } from './visitor-stream.ts'

visitorStreamSuite({ name: 'memory', protocol: 'memory' }, 'stcp')
