// Documents as streams: encrypting without seeking, decrypting without seeking (docs/FORMAT.md, 8).
//
//   StreamEncryptor out(sealed_header, keys, sink);
//   RECRYPT_TRY(out.Write(data)); ... RECRYPT_TRY(out.Finish(author));
//
//   StreamDecryptor in(open_header, sink);
//   RECRYPT_TRY(in.Write(more_input)); ... RECRYPT_TRY(in.Finish());
//
// Memory: one group (some 530 KB) each. Not thread safe.
#ifndef RECRYPT_CORE_JCD_STREAM_H_
#define RECRYPT_CORE_JCD_STREAM_H_

#include <functional>
#include <memory>

#include "core/jcd/document.h"

namespace recrypt {

using ByteSink = std::function<Status(ByteSpan)>;

class StreamEncryptor {
 public:
  StreamEncryptor(Bytes header_region, DocumentKeys keys, ByteSink sink);
  ~StreamEncryptor();
  Status Write(ByteSpan content);
  // Writes what is left and the trailer; `author` as in Document::Commit.
  Status Finish(const Author* author);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a StreamDecryptor asks once it has read the header: typically a grant.
struct OpenedDocument {
  Wrapper wrapper;
  TrustedLabels trust;
};
using HeaderOpener = std::function<Result<OpenedDocument>(const Header&)>;

class StreamDecryptor {
 public:
  // Takes the binary layout, random or chunked, as input. Other encodings are recognised by
  // their first bytes and refused with kInvalid: read them as a whole (ReadWholeDocument).
  StreamDecryptor(HeaderOpener opener, int64_t now, ByteSink sink);
  ~StreamDecryptor();
  Status Write(ByteSpan stored);
  // kCorrupt "the document ends early" when the trailer is missing or wrong; what has been
  // released until then is authentic but may be cut short.
  Status Finish();
  const Wrapper* wrapper() const;        // nullptr before the header has been opened
  const Authorship& authorship() const;  // valid after Finish

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A document in any accepted encoding, pure JSON and JSON-C included, decrypted in memory.
Result<Bytes> ReadWholeDocument(ByteSpan stored, const HeaderOpener& opener, int64_t now);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_STREAM_H_
