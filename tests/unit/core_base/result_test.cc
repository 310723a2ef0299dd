#include "core/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>

#include "core/base/unique_fd.h"

namespace recrypt {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Fail(ErrorCode::kInvalid, "odd");
  return value / 2;
}

Result<int> Quarter(int value) {
  RECRYPT_ASSIGN(const int half, Half(value));
  RECRYPT_ASSIGN(const int quarter, Half(half));
  return quarter;
}

Status BothEven(int a, int b) {
  RECRYPT_TRY(Half(a));
  RECRYPT_TRY(Half(b));
  return {};
}

TEST(Result, MacrosPassErrorsOn) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_TRUE(BothEven(2, 4));
  EXPECT_FALSE(BothEven(2, 3));
}

TEST(Result, ContextStandsInFrontAndKeepsTheCode) {
  const Result<int> failed = Fail(Half(1).error(), "halving");
  EXPECT_EQ(failed.error().message, "halving: odd");
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalid);
}

TEST(Result, ErrnoGoesInAndComesOut) {
  const Status missing = FailErrno(ENOENT, "opening x");
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ErrnoOf(missing.error()), ENOENT);
  const Status full = FailErrno(ENOSPC, "writing x");
  EXPECT_EQ(full.error().code, ErrorCode::kIo);
  EXPECT_EQ(ErrnoOf(full.error()), ENOSPC);
}

TEST(Result, CodesHaveTheErrnosOfTheFileSystem) {
  EXPECT_EQ(ErrnoOf({ErrorCode::kDenied, "", 0}), EACCES);
  EXPECT_EQ(ErrnoOf({ErrorCode::kQuota, "", 0}), EDQUOT);
  EXPECT_EQ(ErrnoOf({ErrorCode::kForbidden, "", 0}), EPERM);
  EXPECT_EQ(ErrnoOf({ErrorCode::kPending, "", 0}), EAGAIN);
  EXPECT_EQ(ErrnoOf({ErrorCode::kUnavailable, "", 0}), EHOSTUNREACH);
  EXPECT_EQ(ErrnoOf({ErrorCode::kCorrupt, "", 0}), EIO);
}

TEST(Result, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kIo); ++code) {
    names.insert(ErrorCodeName(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(ErrorCode::kIo) + 1);
}

TEST(UniqueFd, ClosesOnceAndMoves) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  UniqueFd reader(pipe_ends[0]);
  {
    UniqueFd writer(pipe_ends[1]);
    UniqueFd moved(std::move(writer));
    EXPECT_FALSE(writer);
    EXPECT_EQ(moved.get(), pipe_ends[1]);
  }
  char byte;
  EXPECT_EQ(read(reader.get(), &byte, 1), 0);  // the writing end is closed
}

}  // namespace
}  // namespace recrypt
