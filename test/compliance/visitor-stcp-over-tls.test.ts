import { visitorStcpSuite } from './visitor-stcp.ts'

visitorStcpSuite({ name: 'tcp', protocol: 'tcp' })
