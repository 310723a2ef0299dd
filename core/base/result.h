// Result<T>: a value or an Error; the one way in which this project reports failure.
//
//   Result<Bytes> ReadAll(const std::string& path);
//
//   auto bytes = ReadAll(path);
//   if (!bytes) return Fail(bytes.error(), "reading the policy document");
//
//   RECRYPT_ASSIGN(Bytes bytes, ReadAll(path));   // the same, without added context
//
// Exceptions do not cross a folder's border; third-party ones stop in the file that includes the
// library. Error values may be copied between threads.
#ifndef RECRYPT_CORE_BASE_RESULT_H_
#define RECRYPT_CORE_BASE_RESULT_H_

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace recrypt {

// Few codes, each of which tells the caller what can be done about it.
enum class ErrorCode {
  kInvalid,      // the input itself is wrong: not parsable, out of range, not allowed
  kNotFound,     // no such file, label, account, entry
  kExists,       // is there already
  kDenied,       // no grant, no right, signature or pin refused
  kForbidden,    // policy forbids the operation, whoever asks
  kPending,      // held for review
  kQuota,        // a quota is used up
  kUnavailable,  // service not reachable, slow or overloaded; may work later
  kBusy,         // somebody else holds the lock; may work later
  kCorrupt,      // authentication failed: damaged or tampered with
  kStale,        // older than something that was seen before
  kIo,           // the operating system refused; see os_error
};

// The name of a code as it stands in JSON output and logs, such as "not-found".
std::string_view ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kIo;
  std::string message;  // what happened, to what, and what to do; no secrets
  int os_error = 0;     // errno where code is kIo, else 0
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

inline tl::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), 0});
}

// Passes an error on with what was being done in front of its message.
inline tl::unexpected<Error> Fail(const Error& cause, std::string_view doing) {
  return tl::unexpected<Error>(
      Error{cause.code, std::string(doing) + ": " + cause.message, cause.os_error});
}

inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// kNotFound, kExists, kDenied or kIo by `os_error`, with the system's text behind `doing`.
tl::unexpected<Error> FailErrno(int os_error, std::string_view doing);

// The errno that a file system caller sees for an error (DESIGN 9): EACCES no grant, EDQUOT quota,
// EPERM policy forbids, EAGAIN held for review, EHOSTUNREACH service gone, EIO damage.
int ErrnoOf(const Error& error);

}  // namespace recrypt

#define RECRYPT_CONCAT_INNER(a, b) a##b
#define RECRYPT_CONCAT(a, b) RECRYPT_CONCAT_INNER(a, b)

// Declares or assigns `lhs` from a Result, or returns its error.
#define RECRYPT_ASSIGN(lhs, expr) RECRYPT_ASSIGN_INNER(RECRYPT_CONCAT(result_, __LINE__), lhs, expr)
#define RECRYPT_ASSIGN_INNER(tmp, lhs, expr)                \
  auto tmp = (expr);                                        \
  if (!tmp) return ::recrypt::Fail(std::move(tmp.error())); \
  lhs = std::move(*tmp)

// Returns the error of a Status or Result, if it has one.
#define RECRYPT_TRY(expr)                                                     \
  do {                                                                        \
    auto recrypt_try = (expr);                                                \
    if (!recrypt_try) return ::recrypt::Fail(std::move(recrypt_try.error())); \
  } while (false)

#endif  // RECRYPT_CORE_BASE_RESULT_H_
