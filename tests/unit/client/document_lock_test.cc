#include "client/document_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "core/base/unique_fd.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

class DocumentLockTest : public testing::Test {
 protected:
  UniqueFd Open() { return UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }

  TestFolder folder_;
  const std::string path_ = folder_ / "document.jcd";
  const UniqueFd writer_ = Open();
  const UniqueFd reader_ = Open();
};

TEST_F(DocumentLockTest, AnExclusiveLockKeepsOthersOutUntilItIsGivenBack) {
  ASSERT_TRUE(TryLockDocument(writer_.get(), LockKind::kExclusive));
  EXPECT_EQ(TryLockDocument(reader_.get(), LockKind::kShared).error().code, ErrorCode::kBusy);
  UnlockDocument(writer_.get());
  EXPECT_TRUE(TryLockDocument(reader_.get(), LockKind::kShared));
  EXPECT_EQ(TryLockDocument(writer_.get(), LockKind::kExclusive).error().code, ErrorCode::kBusy);
}

TEST_F(DocumentLockTest, WhatIsBeingCreatedIsWaitedFor) {
  ASSERT_TRUE(TryLockDocument(writer_.get(), LockKind::kExclusive));
  ASSERT_EQ(::ftruncate(writer_.get(), 100), 0);
  std::thread creation([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(::pwrite(writer_.get(), "[", 1, 0), 1);
    UnlockDocument(writer_.get());
  });
  EXPECT_TRUE(WaitUntilCreated(reader_.get()));
  char first = 0;
  EXPECT_EQ(::pread(reader_.get(), &first, 1, 0), 1);
  EXPECT_EQ(first, '[');
  creation.join();
}

TEST_F(DocumentLockTest, NobodyWaitsForWhatIsThereOrWasGivenUp) {
  ASSERT_EQ(::ftruncate(writer_.get(), 100), 0);
  EXPECT_TRUE(WaitUntilCreated(reader_.get())) << "nobody holds the lock";
  ASSERT_TRUE(TryLockDocument(writer_.get(), LockKind::kExclusive));
  ASSERT_EQ(::pwrite(writer_.get(), "[", 1, 0), 1);
  EXPECT_TRUE(WaitUntilCreated(reader_.get())) << "there is a header";
}

}  // namespace
}  // namespace recrypt
