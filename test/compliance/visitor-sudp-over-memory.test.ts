import { visitorSudpSuite } from './visitor-sudp.ts'

visitorSudpSuite({ name: 'memory', protocol: 'memory' })
