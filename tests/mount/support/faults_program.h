// FaultsProgram: a program that does a bit of everything, knows what it was told, and so what each
// document may hold when calls of the store have failed under it.
//
//   FaultsProgram program(mount, EIO);     // a DirectMount, or a KernelMount
//   faults.Arm(...);
//   program.Run();                         // expects success, EIO, or what follows from one
//   faults.Disarm();
//   program.UseMount(another_mount);
//   program.Check();                       // what was acknowledged is there, and free to be
//   written
//
// One thread.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_FAULTS_PROGRAM_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_FAULTS_PROGRAM_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/result.h"
#include "core/jcd/geometry.h"
#include "tests/mount/support/faulty_store.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {

// What a document may hold, going by what its writer was told.
class ExpectedContent {
 public:
  using Change = std::function<std::string(std::string)>;

  explicit ExpectedContent(std::string content) : live_{content}, kept_{std::move(content)} {}

  // A change was made, or failed and was made in part, or not at all.
  void Changed(const Change& change, bool succeeded) {
    std::set<std::string> changed;
    for (const std::string& content : live_) changed.insert(change(content));
    if (succeeded) {
      live_ = changed;
    } else {
      live_.merge(changed);
      in_part_ = true;
    }
    kept_.insert(live_.begin(), live_.end());
  }
  // It is complete on the share, if the writer was told so.
  void Kept(bool succeeded) {
    if (succeeded) kept_ = live_;
  }
  bool MayBeNow(const std::string& content) const { return IsOneOf(live_, content); }
  bool MayBeFound(const std::string& content) const { return IsOneOf(kept_, content); }
  bool MayBeOfSize(uint64_t size) const {
    return std::any_of(kept_.begin(), kept_.end(),
                       [&](const std::string& content) { return content.size() == size; });
  }
  std::string Text() const {
    std::string text;
    for (const std::string& content : kept_) {
      text += " " + std::to_string(content.size()) + "'" + content.substr(0, 1) + "'";
    }
    return text;
  }

 private:
  // Where a change was made in part, block by block.
  bool IsOneOf(const std::set<std::string>& contents, const std::string& content) const {
    if (contents.contains(content)) return true;
    if (!in_part_) return false;
    const bool size_fits = std::any_of(contents.begin(), contents.end(), [&](const auto& one) {
      return one.size() == content.size();
    });
    if (!size_fits) return false;
    for (size_t at = 0; at < content.size(); at += kBlockSize) {
      const bool fits = std::any_of(contents.begin(), contents.end(), [&](std::string one) {
        one.resize(std::max(one.size(), content.size()));
        return one.compare(at, kBlockSize, content, at, kBlockSize) == 0 ||
               one.substr(at, content.size() - at)
                       .compare(0, kBlockSize, content, at, kBlockSize) == 0;
      });
      if (!fits) return false;
    }
    return true;
  }

  std::set<std::string> live_;  // as the mount sees it
  std::set<std::string> kept_;  // as it may be found later
  bool in_part_ = false;
};

template <typename Mount>
class FaultsProgram {
 public:
  FaultsProgram(Mount& mount, int error) : mount_(&mount), error_(error) {}

  void UseMount(Mount& mount) { mount_ = &mount; }

  void Run() {
    Must(mount_->MakeDirectory("d"), {EEXIST});
    Create("d/a", Repeated('a', 10'000), true);
    Create("b", Repeated('b', 100), false);
    Overwrite("d/a");
    SyncedThenClosed("d/a");
    Read("d/a");
    Create("large", Repeated('l', 1'200'000), true);
    Append("large", Repeated('m', 600'000));
    Attributes("d/a");
    List("d");
    Link("d/a", "d/a2");
    Create("new", Repeated('n', 5'000), true);
    Rename("new", "b");
    Rename("b", "c");
    Unlink("d/a2");
    Must(mount_->MakeSymlink("d/s", "a"), {ENOENT, EEXIST});
    Replace("c", Repeated('C', 9'000));
    Must(mount_->MakeDirectory("e"), {});
    Must(mount_->RemoveDirectory("e"), {ENOENT});
    Read("large");
    Read("c");
    List("");
  }

  // Everything is what it may be, opens, and is free to be written.
  void Check() {
    for (auto& [name, documents] : names_) {
      SCOPED_TRACE(name);
      CheckContent(name, documents);
    }
    for (auto& [name, documents] : names_) {
      SCOPED_TRACE(name);
      CheckItIsFree(name);
    }
  }

 private:
  using Document = std::shared_ptr<ExpectedContent>;

  static std::string Repeated(char c, size_t size) { return std::string(size, c); }

  void CheckContent(const std::string& name, const std::set<Document>& documents) {
    auto content = mount_->Read(name);
    if (!content) {
      EXPECT_EQ(content.error().code, ErrorCode::kNotFound) << content.error().message;
      EXPECT_TRUE(documents.contains(nullptr)) << "is gone";
      return;
    }
    const bool expected =
        std::any_of(documents.begin(), documents.end(), [&](const Document& document) {
          return document != nullptr && document->MayBeFound(*content);
        });
    std::string texts;
    for (const Document& document : documents) texts += document ? document->Text() : " none";
    EXPECT_TRUE(expected) << "holds " << content->size() << " bytes, '" << content->substr(0, 1)
                          << "', and not one of" << texts;
  }

  void CheckItIsFree(const std::string& name) {
    auto file = mount_->Open(name, O_RDWR);
    if (!file && file.error().code == ErrorCode::kNotFound) return;
    ASSERT_TRUE(file) << file.error().message;
    Status written = file->Write(0, "w");
    EXPECT_TRUE(written) << written.error().message;
    written = file->Sync();
    EXPECT_TRUE(written) << written.error().message;
  }

  // Success, or an error that says what happened. `also` are those that follow from earlier ones.
  template <typename R>
  bool Must(const R& result, const std::set<int>& also) {
    if (result) return true;
    const int error = ErrnoOf(result.error());
    EXPECT_TRUE(error == error_ || also.contains(error))
        << "failed with " << strerror(error) << ": " << result.error().message;
    return false;
  }
  std::set<int> Absence(const std::string& name) {
    auto& documents = names_[name];
    if (documents.empty()) documents.insert(nullptr);
    std::set<int> errors;
    if (documents.contains(nullptr) || name.find('/') != std::string::npos) errors.insert(ENOENT);
    return errors;
  }
  void ForEach(const std::string& name, const std::function<void(ExpectedContent&)>& visit) {
    for (const Document& document : names_[name]) {
      if (document != nullptr) visit(*document);
    }
  }
  // Where it is not known which document bears a name, each was changed or not.
  bool IsSure(const std::string& name) { return names_[name].size() == 1; }
  void Changed(const std::string& name, const ExpectedContent::Change& change, bool succeeded) {
    const bool sure = succeeded && IsSure(name);
    ForEach(name, [&](ExpectedContent& document) { document.Changed(change, sure); });
  }
  void Kept(const std::string& name, bool succeeded) {
    if (!IsSure(name)) return;
    ForEach(name, [&](ExpectedContent& document) { document.Kept(succeeded); });
  }
  static ExpectedContent::Change Put(size_t at, std::string data) {
    return [=](std::string content) {
      content.resize(std::max(content.size(), at + data.size()));
      return content.replace(at, data.size(), data);
    };
  }

  void Create(const std::string& name, const std::string& content, bool sync) {
    SCOPED_TRACE("creating " + name);
    Absence(name);
    auto file = mount_->Open(name, O_RDWR | O_CREAT);
    auto made = std::make_shared<ExpectedContent>("");
    names_[name].insert(made);
    if (!Must(file, {ENOENT})) return;
    names_[name] = {made};
    Changed(name, Put(0, content), Must(file->Write(0, content), {}));
    if (sync) Kept(name, Must(file->Sync(), {}));
    Kept(name, Must(file->Close(), {}));
  }

  void Overwrite(const std::string& name) {
    SCOPED_TRACE("overwriting " + name);
    auto file = mount_->Open(name, O_RDWR);
    if (!Must(file, Absence(name))) return;
    const std::string middle = Repeated('o', 3'000);
    Changed(name, Put(2'000, middle), Must(file->Write(2'000, middle), {}));
    const std::string end = Repeated('e', 6'000);
    Changed(
        name, [&](std::string content) { return content + end; }, Must(file->Append(end), {}));
    Kept(name, Must(file->Sync(), {}));
    Kept(name, Must(file->Close(), {}));
  }

  // A commit that is visible, one that is synced, one upon closing.
  void SyncedThenClosed(const std::string& name) {
    SCOPED_TRACE("changing " + name);
    auto file = mount_->Open(name, O_RDWR);
    if (!Must(file, Absence(name))) return;
    const std::string start = Repeated('s', 10);
    Changed(name, Put(0, start), Must(file->Write(0, start), {}));
    Kept(name, Must(file->Sync(), {}));
    Kept(name, Must(file->Sync(), {}));
    Changed(
        name,
        [](std::string content) {
          content.resize(7'000);
          return content;
        },
        Must(file->Truncate(7'000), {}));
    Kept(name, Must(file->Close(), {}));
  }

  void Append(const std::string& name, const std::string& data) {
    SCOPED_TRACE("appending to " + name);
    auto file = mount_->Open(name, O_RDWR);
    if (!Must(file, Absence(name))) return;
    Changed(
        name, [&](std::string content) { return content + data; }, Must(file->Append(data), {}));
    Kept(name, Must(file->Sync(), {}));
    Kept(name, Must(file->Close(), {}));
  }

  void Replace(const std::string& name, const std::string& content) {
    SCOPED_TRACE("replacing " + name);
    auto file = mount_->Open(name, O_WRONLY | O_TRUNC);
    const bool opened = Must(file, Absence(name));
    Changed(
        name, [](std::string) { return std::string(); }, opened);
    if (!opened) return;
    Changed(name, Put(0, content), Must(file->Write(0, content), {}));
    Kept(name, Must(file->Close(), {}));
  }

  void Read(const std::string& name) {
    SCOPED_TRACE("reading " + name);
    auto content = mount_->Read(name);
    if (!Must(content, Absence(name))) return;
    const auto& documents = names_[name];
    EXPECT_TRUE(std::any_of(documents.begin(), documents.end(),
                            [&](const Document& document) {
                              return document != nullptr && (document->MayBeNow(*content) ||
                                                             document->MayBeFound(*content));
                            }))
        << "read " << content->size() << " bytes, '" << content->substr(0, 1) << "'";
  }

  void Attributes(const std::string& name) {
    SCOPED_TRACE("attributes of " + name);
    const std::set<int> absence = Absence(name);
    std::set<int> none = absence, no_data = absence;
    none.insert(ENOTSUP);
    no_data.insert({ENODATA, ENOTSUP});
    const bool set = Must(mount_->SetXattr(name, "user.x", "value"), none);
    auto got = mount_->GetXattr(name, "user.x");
    if (Must(got, no_data) && set) {
      EXPECT_EQ(*got, "value");
    }
    Must(mount_->ListXattr(name), none);
    constexpr time_t kModified = 1'000'000'000;
    auto changed = mount_->ChangeModeAndTime(name, 0600, kModified);
    if (Must(changed, absence)) {
      EXPECT_EQ(changed->st_mtim.tv_sec, kModified);
    }
    auto attributes = mount_->Stat(name);
    if (!Must(attributes, Absence(name))) return;
    const auto& documents = names_[name];
    EXPECT_TRUE(std::any_of(documents.begin(), documents.end(),
                            [&](const Document& document) {
                              return document != nullptr &&
                                     document->MayBeOfSize(
                                         static_cast<uint64_t>(attributes->st_size));
                            }))
        << "of size " << attributes->st_size;
    Must(mount_->StatFs(name), absence);
    Must(mount_->CheckAccess(name, R_OK), absence);
  }

  void List(const std::string& directory) {
    SCOPED_TRACE("listing " + directory);
    auto listed = mount_->List(directory);
    if (!Must(listed, {ENOENT})) return;
    for (const auto& [name, documents] : names_) {
      const std::string prefix = directory.empty() ? "" : directory + "/";
      if (!name.starts_with(prefix)) continue;
      const std::string own = name.substr(prefix.size());
      if (own.find('/') != std::string::npos) continue;
      const bool found = std::find(listed->begin(), listed->end(), own) != listed->end();
      if (!documents.contains(nullptr)) {
        EXPECT_TRUE(found) << name;
      }
      if (documents.size() == 1 && documents.contains(nullptr)) {
        EXPECT_FALSE(found) << name;
      }
    }
  }

  void Link(const std::string& from, const std::string& to) {
    SCOPED_TRACE("linking " + to);
    const std::set<int> absence = Absence(from);
    Absence(to);
    const auto linked = names_[from];
    if (Must(mount_->Link(from, to), absence)) {
      names_[to] = linked;
    } else {
      names_[to].insert(linked.begin(), linked.end());
    }
  }

  void Rename(const std::string& from, const std::string& to) {
    SCOPED_TRACE("renaming " + from);
    const std::set<int> absence = Absence(from);
    Absence(to);
    const auto moved = names_[from];
    if (Must(mount_->Rename(from, to), absence)) {
      names_[to] = moved;
      names_[to].erase(nullptr);
      names_[from] = {nullptr};
      // A document that takes the place of another is durable first.
    } else {
      names_[to].insert(moved.begin(), moved.end());
      names_[from].insert(nullptr);
    }
  }

  void Unlink(const std::string& name) {
    SCOPED_TRACE("removing " + name);
    if (Must(mount_->Unlink(name), Absence(name))) {
      names_[name] = {nullptr};
    } else {
      names_[name].insert(nullptr);
    }
  }

  Mount* mount_;
  const int error_;
  std::map<std::string, std::set<Document>> names_;  // null: there is no such name
};

// Runs with a fault at every call in turn, or in a sample at every `step`-th, until `run` says that
// the program made no more calls, or something failed. RECRYPT_CALL is where it begins.
template <typename Run>
void ForEachCall(Faults::Fault fault, uint64_t step, Run run) {
  if (IsFullRun()) step = 1;
  const char* first = std::getenv("RECRYPT_CALL");  // to look at one that failed
  uint64_t runs = 0;
  for (fault.at = first == nullptr ? 1 : std::stoull(first); fault.at < 100'000;
       fault.at += step, ++runs) {
    SCOPED_TRACE("call " + std::to_string(fault.at));
    if (!run(fault) || testing::Test::HasFailure()) break;
  }
  std::printf("%llu runs, to call %llu\n", static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(fault.at));
}

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_FAULTS_PROGRAM_H_
