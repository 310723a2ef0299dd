// TwoMountsTest: one share, mounted by alice and by bob, over a local file system or as two clients
// of NFS would have it; or, where RECRYPT_SHARES is set (tests/mount/test_network_shares.py), over
// two network mounts of one directory, whose places it names with a colon in between.
//
//   class Sharing : public TwoMountsTest {};
//   TEST_P(Sharing, ...) { WriteFile(*this / "f", "x"); EXPECT_EQ(ReadFile(Other("f")), "x"); }
//   RECRYPT_OVER_ALL_STORES(Sharing);
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_TWO_MOUNTS_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_TWO_MOUNTS_H_

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/mount/support/caching_store.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {

enum class StoreIs { kLocal, kCaching, kNetwork };

inline MountSettings SettingsOver(StoreIs store) {
  MountSettings settings;
  if (store == StoreIs::kCaching) {
    settings.wrap_store = [](auto inner) {
      return std::make_unique<CachingStore>(std::move(inner));
    };
  }
  return settings;
}

inline std::vector<StoreIs> StoresToTest() {
  if (std::getenv("RECRYPT_SHARES") != nullptr) return {StoreIs::kNetwork};
  return {StoreIs::kLocal, StoreIs::kCaching};
}

inline std::string NameOf(StoreIs store) {
  switch (store) {
    case StoreIs::kLocal:
      return "ALocalStore";
    case StoreIs::kCaching:
      return "ACachingStore";
    case StoreIs::kNetwork:
      return "ANetworkShare";
  }
  return "";
}

// Whether something comes about within ten seconds, without having to say when.
inline bool Soon(const std::function<bool()>& seen) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!seen()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class TwoMountsTest : public MountTest, public testing::WithParamInterface<StoreIs> {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    bob_ = std::make_unique<FakeAccess>(labels_, "bob@example.net");
    other_share_ = share_;
    if (GetParam() == StoreIs::kNetwork) {
      const std::string shares = std::getenv("RECRYPT_SHARES");
      const size_t colon = shares.find(':');
      const std::string name = "/" + dir_.path().filename().string();
      share_ = shares.substr(0, colon) + name;
      other_share_ = shares.substr(colon + 1) + name;
      ASSERT_EQ(mkdir(share_.c_str(), 0755), 0);
    }
    MountBoth(5000);
  }
  void TearDown() override {
    other_.reset();
    MountTest::TearDown();
  }
  void MountBoth(int64_t lock_wait_ms) {
    MountSettings settings = SettingsOver(GetParam());
    settings.lock_wait_ms = lock_wait_ms;
    Mount(settings);
    other_.reset();
    other_ = std::make_unique<TestMount>(other_share_, dir_.Make("other"), *bob_, settings);
  }
  std::string Other(const std::string& name) const { return *other_ / name; }
  // By either mount: 0 is alice's, 1 bob's.
  std::string At(int side, const std::string& name) const {
    return side == 0 ? *this / name : Other(name);
  }

  std::string other_share_;
  std::unique_ptr<FakeAccess> bob_;
  std::unique_ptr<TestMount> other_;
};

#define RECRYPT_OVER_ALL_STORES(suite)                                     \
  INSTANTIATE_TEST_SUITE_P(Over, suite, testing::ValuesIn(StoresToTest()), \
                           [](const auto& store) { return NameOf(store.param); })

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_TWO_MOUNTS_H_
