import t from 'tap';
import { FileBlobStore } from '../support/file-blob-store.ts';
import { testBlobStore } from './contract.ts';

// A store that knows nothing of PostgreSQL keeps the contract, too.
await testBlobStore(() => new FileBlobStore(t.testdir()));
