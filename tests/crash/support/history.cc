#include "tests/crash/support/history.h"

#include <algorithm>
#include <utility>

namespace recrypt {
namespace {

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

History::History() { states_.push_back({.names = {}, .begun = 0, .done = 0}); }

History::Names& History::Change(size_t begun, const std::vector<std::string>& paths) {
  Names next{.names = states_.back().names, .begun = begun, .done = std::nullopt};
  for (const std::string& path : paths) next.directories.push_back(DirectoryOf(path));
  states_.push_back(std::move(next));
  return states_.back();
}

int History::Make(const std::string& path, size_t begun) {
  const int document = static_cast<int>(documents_.size());
  Change(begun, {path}).names[path] = document;
  documents_.push_back({.made = states_.size() - 1});
  documents_.back().versions.push_back({FoundThing::File(""), begun});
  return document;
}

void History::MakeDirectory(const std::string& path, size_t begun) {
  Change(begun, {path}).names[path] = kDirectory;
}

void History::Write(int document, const std::string& content, size_t begun) {
  Document& written = documents_[Index(document)];
  written.content = content;
  FoundThing next = FoundThing::File(content);
  next.xattrs = written.versions.back().what.xattrs;
  written.versions.push_back({std::move(next), begun});
}

void History::SetXattr(int document, const std::string& name, const std::string& value,
                       size_t begun) {
  Document& changed = documents_[Index(document)];
  Version next{changed.versions.back().what, begun};
  next.what.xattrs[name] = value;
  changed.versions.push_back(std::move(next));
}

void History::Rename(const std::string& from, const std::string& to, size_t begun) {
  Names& next = Change(begun, {from, to});
  const bool over = next.names.contains(to);
  const int moved = next.names.at(from);
  next.names.erase(from);
  next.names[to] = moved;
  if (moved == kDirectory) {
    std::map<std::string, int> names;
    for (const auto& [path, id] : next.names) {
      names[path.starts_with(from + "/") ? to + path.substr(from.size()) : path] = id;
    }
    next.names = std::move(names);
  } else if (over) {
    next.needs = {moved, documents_[Index(moved)].versions.size() - 1};
  }
}

int History::RenameByCopy(const std::string& from, const std::string& to, size_t begun) {
  const int copy = static_cast<int>(documents_.size());
  const std::string content = ContentOf(DocumentAt(from));
  documents_.push_back({.content = content, .made = states_.size()});
  documents_.back().versions.push_back({FoundThing::File(content), begun});
  Change(begun, {from, to}).names[to] = copy;
  Change(begun, {from, to}).names.erase(from);
  return copy;
}

void History::Exchange(const std::string& a, const std::string& b, size_t begun) {
  Names& next = Change(begun, {a, b});
  std::swap(next.names.at(a), next.names.at(b));
}

void History::Link(const std::string& from, const std::string& to, size_t begun) {
  Names& next = Change(begun, {from, to});
  next.names[to] = next.names.at(from);
}

void History::Remove(const std::string& path, size_t begun) {
  Change(begun, {path}).names.erase(path);
}

void History::NamesDone(size_t at) { states_.back().done = at; }

void History::Closed(int document, size_t at) {
  Document& closed = documents_[Index(document)];
  closed.promises.push_back({closed.versions.size() - 1, at, false});
}

void History::Synced(int document, size_t at) {
  Document& synced = documents_[Index(document)];
  synced.promises.push_back({synced.versions.size() - 1, at, true});
  names_promises_.push_back({synced.made, at});
}

void History::SyncedNames(const std::string& directory, size_t at) {
  for (size_t state = states_.size() - 1; state > 0; --state) {
    const std::vector<std::string>& touched = states_[state].directories;
    if (std::find(touched.begin(), touched.end(), directory) == touched.end()) continue;
    names_promises_.push_back({state, at});
    return;
  }
}

int History::DocumentAt(const std::string& path) const { return states_.back().names.at(path); }

size_t History::OldestNames(size_t cut, Crash crash) const {
  size_t oldest = 0;
  for (size_t state = 0; crash == Crash::kKilled && state < states_.size(); ++state) {
    if (states_[state].done && *states_[state].done <= cut) oldest = state;
  }
  for (const NamesPromise& promise : names_promises_) {
    if (promise.at <= cut) oldest = std::max(oldest, promise.state);
  }
  return oldest;
}

std::string History::Check(const FoundTree& found, size_t cut, Crash crash) const {
  for (const auto& [path, thing] : found) {
    if (!thing.error.empty()) return "\"" + path + "\": " + thing.error;
  }
  std::string wrong = "no state of the names may be there";
  for (size_t state = OldestNames(cut, crash); state < states_.size(); ++state) {
    if (states_[state].begun > cut) break;
    std::string differs = CheckNames(states_[state], found);
    if (differs.empty()) differs = CheckContents(state, found, cut, crash);
    if (differs.empty()) return "";
    wrong = "as after " + std::to_string(state) + " changes of names: " + differs;
  }
  return wrong;
}

std::string History::CheckNames(const Names& names, const FoundTree& found) const {
  for (const auto& [path, id] : names.names) {
    if (!found.contains(path)) return "\"" + path + "\" is missing";
  }
  for (const auto& [path, thing] : found) {
    const auto known = names.names.find(path);
    if (known == names.names.end()) return "\"" + path + "\" is there";
    if (thing.is_directory != (known->second == kDirectory)) return "\"" + path + "\" is another";
  }
  return "";
}

std::string History::CheckContents(size_t state, const FoundTree& found, size_t cut,
                                   Crash crash) const {
  for (const auto& [path, id] : states_[state].names) {
    if (id == kDirectory) continue;
    const Document& document = documents_[Index(id)];
    size_t oldest = 0;
    for (const Promise& promise : document.promises) {
      if (promise.at > cut || (crash == Crash::kPowerCut && !promise.durable)) continue;
      oldest = std::max(oldest, promise.version);
    }
    for (size_t before = 0; before <= state; ++before) {
      const auto& needs = states_[before].needs;
      if (needs && needs->first == id) oldest = std::max(oldest, needs->second);
    }
    size_t version = document.versions.size();
    while (version > oldest && !(document.versions[version - 1].begun <= cut &&
                                 document.versions[version - 1].what == found.at(path))) {
      --version;
    }
    if (version > oldest) continue;
    std::string known;
    for (size_t i = 0; i < oldest; ++i) {
      if (document.versions[i].what == found.at(path))
        known = " (as it was " + std::to_string(i) + ")";
    }
    return "\"" + path + "\" has " + std::to_string(found.at(path).size) +
           " bytes, which are none of its contents from " + std::to_string(oldest) + " on" + known;
  }
  return "";
}

}  // namespace recrypt
