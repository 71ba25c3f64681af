import { visitorSudpSuite } from './visitor-sudp.ts'

visitorSudpSuite({ name: 'tcp', protocol: 'tcp' })
