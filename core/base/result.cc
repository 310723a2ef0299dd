#include "core/base/result.h"

#include <cerrno>
#include <cstring>

namespace recrypt {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kExists:
      return "exists";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kPending:
      return "pending";
    case ErrorCode::kQuota:
      return "quota";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kStale:
      return "stale";
    case ErrorCode::kIo:
      return "io";
  }
  return "io";
}

tl::unexpected<Error> FailErrno(int os_error, std::string_view doing) {
  ErrorCode code = ErrorCode::kIo;
  if (os_error == ENOENT) code = ErrorCode::kNotFound;
  if (os_error == EEXIST) code = ErrorCode::kExists;
  if (os_error == EACCES) code = ErrorCode::kDenied;
  return tl::unexpected<Error>(
      Error{code, std::string(doing) + ": " + std::strerror(os_error), os_error});
}

int ErrnoOf(const Error& error) {
  if (error.os_error != 0) return error.os_error;
  switch (error.code) {
    case ErrorCode::kInvalid:
      return EINVAL;
    case ErrorCode::kNotFound:
      return ENOENT;
    case ErrorCode::kExists:
      return EEXIST;
    case ErrorCode::kDenied:
      return EACCES;
    case ErrorCode::kForbidden:
      return EPERM;
    case ErrorCode::kPending:
      return EAGAIN;
    case ErrorCode::kQuota:
      return EDQUOT;
    case ErrorCode::kUnavailable:
      return EHOSTUNREACH;
    case ErrorCode::kBusy:
      return EBUSY;
    case ErrorCode::kCorrupt:
      return EIO;
    case ErrorCode::kStale:
      return EIO;
    case ErrorCode::kIo:
      return EIO;
  }
  return EIO;
}

}  // namespace recrypt
