import { visitorStcpSuite } from './visitor-stcp.ts'

visitorStcpSuite({ name: 'memory', protocol: 'memory' })
