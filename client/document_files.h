// Encrypting and decrypting single documents outside of a mount: files and streams.
//
//   RECRYPT_TRY(EncryptFile(access, {expression}, "a.txt", "a.txt.jcd", Overwrite::kRefuse));
//   RECRYPT_ASSIGN(auto done, DecryptFile(access, clock, "a.jcd", "a", Overwrite::kRefuse));
//
// Output to a file goes to a temporary one beside it, which takes the name once all of it is good
// and durable: what fails leaves nothing behind. Thread safe.
#ifndef RECRYPT_CLIENT_DOCUMENT_FILES_H_
#define RECRYPT_CLIENT_DOCUMENT_FILES_H_

#include <functional>
#include <string>

#include "client/access.h"
#include "client/output_file.h"
#include "core/base/clock.h"

namespace recrypt {

enum class Signing { kAuthor, kUnsigned };

struct EncryptSpec {
  LabelExpression expression;
  std::string name;                    // put into the document; empty: none
  Signing signing = Signing::kAuthor;  // kAuthor: kDenied when no label lets this device write
};

struct Decrypted {
  std::string name;  // from the document, may be empty
  LabelExpression expression;
  Authorship authorship;
  uint64_t size = 0;
};

// Bytes of content done so far; called now and then.
using Progress = std::function<void(uint64_t)>;

// From the descriptor's position to its end; neither needs to be seekable.
Status EncryptStream(Access& access, const EncryptSpec& spec, int in, int out,
                     const Progress& progress = {});
// Releases content as it verifies; kCorrupt when the stream turns out to be cut or damaged.
Result<Decrypted> DecryptStream(Access& access, const Clock& clock, int in, int out,
                                const Progress& progress = {});

// The same into a file, under the promise above.
Status EncryptStreamToFile(Access& access, const EncryptSpec& spec, int in, const std::string& to,
                           Overwrite overwrite, const Progress& progress = {});
Result<Decrypted> DecryptStreamToFile(Access& access, const Clock& clock, int in,
                                      const std::string& to, Overwrite overwrite,
                                      const Progress& progress = {});

// kExists when `to` is there and `overwrite` is kRefuse. The mode of `from` is kept.
Status EncryptFile(Access& access, const EncryptSpec& spec, const std::string& from,
                   const std::string& to, Overwrite overwrite, const Progress& progress = {});
// Reads documents with commit records behind them, and the other encodings, too.
Result<Decrypted> DecryptFile(Access& access, const Clock& clock, const std::string& from,
                              const std::string& to, Overwrite overwrite,
                              const Progress& progress = {});

// The header of a stored document, for `inspect`.
Result<Header> ReadHeader(const std::string& path);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DOCUMENT_FILES_H_
