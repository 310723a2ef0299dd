// kill -9 of recryptd at random moments, while it grants and while administrators change members
// and labels: no grant without its record, a whole chain, and nothing lost that was acknowledged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "service/audit.h"
#include "tests/full_run.h"
#include "tests/unit/service/world.h"

namespace recrypt {
namespace {

int Rounds() { return IsFullRun() ? 50 : 5; }

// The program, as it is installed.
class Recryptd {
 public:
  Recryptd(const StorePlace& place, const std::string& audit_sync) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      execl(RECRYPTD_PROGRAM, "recryptd", "--domain", "example.com", "--listen", "127.0.0.1:0",
            "--state", place.state.c_str(), "--store", place.uri.c_str(), "--self-signed",
            "--audit-sync", audit_sync.c_str(), "--log-level", "error",
            static_cast<char*>(nullptr));
      _exit(127);
    }
    close(out[1]);
    char line[256];
    const ssize_t got = read(out[0], line, sizeof(line));
    close(out[0]);
    const std::string text(line, got > 0 ? static_cast<size_t>(got) : 0);
    const size_t on = text.find(" on ");
    if (on != text.npos) address_ = text.substr(on + 4, text.find(' ', on + 4) - on - 4);
  }
  ~Recryptd() { Kill(); }
  Recryptd(const Recryptd&) = delete;
  Recryptd& operator=(const Recryptd&) = delete;

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Empty when it did not start.
  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = -1;
  std::string address_;
};

struct Receipt {
  uint64_t sequence;
  Bytes head;
};

// What a client was told before the service was gone.
struct Told {
  std::set<std::string> granted;  // ephemerals, in base64url
  std::vector<Receipt> receipts;
};

// Members that come and go; `live` once that was acknowledged, `maybe` while an answer is awaited.
struct Membership {
  bool live = false;
  bool maybe = false;
};

class RecryptdKillTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 4; ++i) {
      members_.push_back(
          std::make_unique<TestAccount>("member" + std::to_string(i) + "@example.net"));
    }
    state_ = world_.service.config.state;
    ca_file_ = world_.service.ca_file();
    world_.service.Stop();
  }

  // Until the service is gone. False from a step means so.
  template <typename Step>
  static void Until(const Step& step) {
    while (step()) {
    }
  }

  static std::optional<Response> Ask(TestClient& client, const Request& request) {
    const HttpAnswer answer = client.Send(client.Sign(DumpJson(ToJson(request))));
    if (answer.curl_error != 0 || answer.status / 100 != 2) return std::nullopt;
    return ParseResponse(ParseJson(answer.body).value()).value();
  }

  bool AskForGrants(TestClient& bob, size_t count, Told& told) {
    GetRequest get;
    for (size_t i = 0; i < count; ++i) {
      get.grants.push_back({world_.label.Kid(), NewEphemeral(), {}, {}});
    }
    const auto response = Ask(bob, Request(get));
    if (!response) return false;
    const auto& answered = std::get<GetResponse>(*response);
    for (size_t i = 0; i < count; ++i) {
      if (!answered.grants.at(i).status.ok()) continue;
      told.granted.insert(Base64UrlEncode(get.grants[i].ephemeral));
    }
    told.receipts.push_back({answered.receipt_sequence, answered.receipt_head});
    return true;
  }

  bool ChangeMember(TestClient& alice, std::mt19937& random) {
    const TestAccount& member = *members_[random() % members_.size()];
    Membership& membership = memberships_[member.name.text()];
    membership.maybe = true;
    const bool add = !membership.live;
    const Request request =
        add ? Request(SetRequest{"", world_.label.User(member)})
            : Request(DeleteRequest{"", DeleteRequest::Kind::kUser, world_.label.name(),
                                    member.name.text(), ""});
    if (!Ask(alice, request)) return false;
    membership = {add, false};
    return true;
  }

  bool ChangeLabel(TestClient& alice) {
    ++world_.label.profile.version.version;
    if (!Ask(alice, Request(SetRequest{"", world_.label.Record(world_.alice)}))) return false;
    version_ = world_.label.profile.version.version;
    return true;
  }

  // Works on all sides, kills the service in the middle, and returns what clients were told.
  Told WorkAndKill(const std::string& audit_sync, std::mt19937& random) {
    Recryptd service(world_.service.store_place(), audit_sync);
    EXPECT_FALSE(service.address().empty()) << "recryptd does not start again";
    if (service.address().empty()) return {};
    std::array<Told, 3> told;
    std::vector<std::unique_ptr<TestClient>> clients;
    for (size_t i = 0; i <= told.size(); ++i) {
      const TestAccount& account = i < told.size() ? world_.bob : world_.alice;
      clients.push_back(
          std::make_unique<TestClient>("example.com", service.address(), ca_file_, account.sign));
      clients.back()->Hello();
    }
    std::vector<std::thread> threads;
    for (size_t i = 0; i < told.size(); ++i) {
      threads.emplace_back(
          [&, i] { Until([&] { return AskForGrants(*clients[i], 1 + 3 * i, told[i]); }); });
    }
    threads.emplace_back([&, own = std::mt19937(random())]() mutable {
      TestClient& alice = *clients.back();
      Until([&] { return own() % 8 == 0 ? ChangeLabel(alice) : ChangeMember(alice, own); });
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 300));
    service.Kill();
    for (std::thread& thread : threads) thread.join();
    Told all;
    for (Told& one : told) {
      all.granted.merge(one.granted);
      all.receipts.insert(all.receipts.end(), one.receipts.begin(), one.receipts.end());
    }
    return all;
  }

  void Check(const Told& told) {
    // A reader's eyes, before anything repairs anything.
    const auto store = OpenStoreReadOnly(world_.service.store_place());
    ASSERT_TRUE(store) << store.error().message;
    const auto head = VerifyAudit(**store);
    ASSERT_TRUE(head) << head.error().message;
    ASSERT_TRUE(VerifyCheckpoints(**store, ReadServiceProfile(state_).value().Udf()));
    const Status read = (*store)->Read([&](StoreView& view) -> Status {
      CheckLog(view, told);
      CheckMembers(view);
      CheckLabel(view);
      return {};
    });
    ASSERT_TRUE(read);
    checked_ = head->sequence;
  }

  // Every grant that somebody got is on record, every receipt is the hash of its record.
  void CheckLog(StoreView& view, const Told& told) {
    std::set<std::string> missing = told.granted;
    std::map<uint64_t, Bytes> hashes;
    for (uint64_t after = checked_;;) {
      const auto rows = view.ListAudit("", "", "", static_cast<int64_t>(after), 1000).value();
      if (rows.empty()) break;
      for (const AuditRow& row : rows) {
        hashes[row.sequence] = ToBytes(row.hash);
        const Json record = ParseJson(row.record).value();
        if (row.event == "grant") missing.erase(GetString(record, "t").value());
        if (row.event == "set-entry") ++set_entries_[row.account];
      }
      after = rows.back().sequence;
    }
    EXPECT_TRUE(missing.empty()) << missing.size() << " grants without a record";
    for (const Receipt& receipt : told.receipts) {
      ASSERT_TRUE(hashes.contains(receipt.sequence)) << "receipt " << receipt.sequence;
      EXPECT_EQ(hashes[receipt.sequence], receipt.head);
    }
    grants_ += told.granted.size();
  }

  // Acknowledged members are there, removed ones are not, and nobody was made one off the record.
  void CheckMembers(StoreView& view) {
    for (const auto& member : members_) {
      const std::string name = member->name.text();
      Membership& membership = memberships_[name];
      const auto entries = view.ListEntries(world_.label.name(), name, 0, 100'000).value();
      const auto live = std::count_if(entries.begin(), entries.end(),
                                      [](const StoredEntry& entry) { return !entry.revoked; });
      ASSERT_LE(live, 1);
      EXPECT_TRUE(membership.maybe || membership.live == (live == 1)) << name;
      EXPECT_EQ(entries.size(), set_entries_[name]) << name;
      membership = {live == 1, false};
    }
  }

  void CheckLabel(StoreView& view) {
    const uint64_t stored = view.FindLabel(world_.label.name()).value()->version;
    EXPECT_GE(stored, version_);
    EXPECT_LE(stored, version_ + 1);
    version_ = world_.label.profile.version.version = stored;
  }

  World world_;
  std::vector<std::unique_ptr<TestAccount>> members_;
  std::map<std::string, Membership> memberships_;
  std::map<std::string, size_t> set_entries_;
  std::string state_;
  std::string ca_file_;
  uint64_t version_ = 1;
  uint64_t checked_ = 0;
  size_t grants_ = 0;
};

TEST_F(RecryptdKillTest, AtAnyMomentLosesNothingAcknowledgedAndGrantsNothingOffTheRecord) {
  const char* told = std::getenv("RECRYPT_SEED");
  const unsigned seed = told != nullptr && *told != 0
                            ? static_cast<unsigned>(std::strtoul(told, nullptr, 10))
                            : std::random_device()();
  std::mt19937 random(seed);
  for (int round = 0; round < Rounds(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", RECRYPT_SEED=" + std::to_string(seed));
    const Told what = WorkAndKill(round % 2 == 0 ? "os" : "disk", random);
    Check(what);
    if (HasFailure()) return;
  }
  EXPECT_GT(grants_, 0u);
  EXPECT_GT(version_, 1u);
  std::printf("%d kills, %zu grants, %llu records\n", Rounds(), grants_,
              static_cast<unsigned long long>(checked_));
}

}  // namespace
}  // namespace recrypt
