#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/text_format.h>

#include "core/function_ref.h"

namespace headrace {

/// A text of which every long list of floats, a number per line, has lost all but its first line.
/// Such lists are read here, many times as fast as protobuf reads them; what is left is for its
/// parser, numbers included that are not plainly decimal.
struct CutText {
  struct List {
    int line;  // of its first number in `rest`, from 0; that one is not among `floats`
    std::vector<float> floats;
  };
  std::string rest;
  std::vector<List> lists;  // by line; when there are none, `rest` is empty
};

/// Cuts out the lists of at least `least` lines; none where the rest has a bracket, the other way
/// to write a list. `consumed` hears up to which byte the text was read, as in parse_binary().
CutText cut_weights(std::string_view text, function_ref<void(size_t)> consumed, size_t least);

/// Moves the lists back into the message that was parsed from `rest`; `locations` is what the
/// parser has recorded. False if a list was not read there as one.
bool restore_weights(CutText& cut, const google::protobuf::TextFormat::ParseInfoTree& locations,
                     google::protobuf::Message& message);

}  // namespace headrace
