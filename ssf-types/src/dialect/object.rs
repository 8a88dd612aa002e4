//! A JSON object that can be changed member by member; what is not changed keeps its bytes.

use std::borrow::Cow;

use serde_json::{Value, value::RawValue};

use crate::{
    json::{JsonError, Members},
    subject::value_form,
};

/// The members of one object in their order, each with the text of its value.
///
/// No function here can make two members of one name, so that text which [`crate::json::check`] has passed stays sound.
pub(super) struct Object<'t>(Vec<(Cow<'t, str>, Cow<'t, str>)>);

impl<'t> Object<'t> {
    /// Reads one object from text that [`crate::json::check`] has passed.
    pub(super) fn parse(json: &'t str) -> Result<Self, JsonError> {
        let members = Members::parse(json)?;
        Ok(Self(
            members
                .into_iter()
                .map(|(name, value)| (name, Cow::Borrowed(value.get())))
                .collect(),
        ))
    }

    /// Makes an object of one member.
    pub(super) fn of(name: &'static str, json: String) -> Self {
        Self(vec![(Cow::Borrowed(name), Cow::Owned(json))])
    }

    /// The same object without a borrow of the text that it was read from.
    pub(super) fn into_owned(self) -> Object<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let members = self.0.into_iter();
        Object(
            members
                .map(|(name, json)| (owned(name), owned(json)))
                .collect(),
        )
    }

    pub(super) fn to_json(&self) -> String {
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(name, json)| format!("{}:{json}", quoted(name)))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|found| found == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// The text of the member's value.
    pub(super) fn json(&self, name: &str) -> Option<&str> {
        self.position(name).map(|at| self.0[at].1.as_ref())
    }

    /// The member's value, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.json(name)?).ok()
    }

    /// The member's value, if it is an object.
    pub(super) fn object(&self, name: &str) -> Option<Object<'_>> {
        Object::parse(self.json(name)?).ok()
    }

    /// Gives the member a value, in its place or behind all others.
    pub(super) fn put(&mut self, name: &str, json: String) {
        match self.position(name) {
            Some(at) => self.0[at].1 = Cow::Owned(json),
            None => self.0.push((Cow::Owned(name.to_owned()), Cow::Owned(json))),
        }
    }

    /// Gives the member a string as its value.
    pub(super) fn put_text(&mut self, name: &str, text: &str) {
        self.put(name, quoted(text));
    }

    /// Takes the member out.
    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'t, str>> {
        self.position(name).map(|at| self.0.remove(at).1)
    }

    /// Gives a member another name, unless the object has that already; tells whether it did.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(at) = self.position(from).filter(|_| !self.has(to)) else {
            return false;
        };
        self.0[at].0 = Cow::Owned(to.to_owned());
        true
    }

    /// Changes the object that the member holds; `change` tells whether it did.
    pub(super) fn edit(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Object<'_>) -> bool,
    ) -> bool {
        self.position(name)
            .and_then(|at| edited(&mut self.0[at].1, change))
            .is_some()
    }

    /// Changes each object among the members' values; tells whether any was changed.
    pub(super) fn edit_each(
        &mut self,
        mut change: impl FnMut(&str, &mut Object<'_>) -> bool,
    ) -> bool {
        let mut any = false;
        for (name, json) in &mut self.0 {
            any |= edited(json, |object| change(name, object)).is_some();
        }
        any
    }

    /// Changes each object in the array that the member holds; tells whether any was changed.
    pub(super) fn edit_items(
        &mut self,
        name: &str,
        mut change: impl FnMut(&mut Object<'_>) -> bool,
    ) -> bool {
        let Some(items) = self.items(name) else {
            return false;
        };
        let mut items: Vec<Cow<'_, str>> = items.into_iter().map(Cow::Borrowed).collect();
        let mut any = false;
        for item in &mut items {
            any |= edited(item, &mut change).is_some();
        }
        if any {
            let json = format!("[{}]", items.join(","));
            self.put(name, json);
        }
        any
    }

    /// Replaces strings in the array that the member holds; tells whether any was replaced.
    ///
    /// A replacement that the array has already is left out, so that a peer which names a thing twice names it once.
    pub(super) fn replace_items(
        &mut self,
        name: &str,
        replacement: impl Fn(&str) -> Option<&'static str>,
    ) -> bool {
        let Some(items) = self.items(name) else {
            return false;
        };
        let replaced = |json: &str| {
            let text: String = serde_json::from_str(json).ok()?;
            replacement(&text).map(quoted)
        };
        let mut any = false;
        let mut kept: Vec<Cow<'_, str>> = Vec::with_capacity(items.len());
        for json in &items {
            match replaced(json) {
                Some(new) => {
                    any = true;
                    if !items.contains(&new.as_str()) && !kept.contains(&Cow::Borrowed(&new)) {
                        kept.push(Cow::Owned(new));
                    }
                }
                None => kept.push(Cow::Borrowed(json)),
            }
        }
        if any {
            let json = format!("[{}]", kept.join(","));
            self.put(name, json);
        }
        any
    }

    /// The texts of the values in the array that the member holds.
    fn items(&self, name: &str) -> Option<Vec<&str>> {
        let items: Vec<&RawValue> = serde_json::from_str(self.json(name)?).ok()?;
        Some(items.into_iter().map(RawValue::get).collect())
    }
}

/// Changes the object that `json` is, if it is one and `change` says that it did.
fn edited(json: &mut Cow<'_, str>, change: impl FnOnce(&mut Object<'_>) -> bool) -> Option<()> {
    let mut object = Object::parse(json).ok()?;
    if !change(&mut object) {
        return None;
    }
    *json = Cow::Owned(object.to_json());
    Some(())
}

/// A string as JSON.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Whether two JSON texts are the same value, whatever the order of members and the white space.
pub(super) fn same(one: &str, other: &str) -> bool {
    let form = |json| value_form(json, str::to_owned);
    form(one) == form(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_keeps_its_bytes() {
        let mut object =
            Object::parse(r#"{ "a" : {"z": 1.0 ,"y":1e0}, "b\u0041":[1, 2],"c":null}"#).unwrap();
        assert!(object.rename("c", "d"));
        assert_eq!(
            object.to_json(),
            r#"{"a":{"z": 1.0 ,"y":1e0},"bA":[1, 2],"d":null}"#
        );
    }

    #[test]
    fn a_member_never_comes_to_stand_twice() {
        let mut object = Object::parse(r#"{"a":1,"b":2}"#).unwrap();
        assert!(!object.rename("a", "b"));
        object.put("b", "3".to_owned());
        object.put_text("c", "\"x\"\n");
        assert_eq!(object.to_json(), r#"{"a":1,"b":3,"c":"\"x\"\n"}"#);
    }

    #[test]
    fn objects_within_are_changed_in_their_place() {
        let mut object =
            Object::parse(r#"{"a":{"x":1},"b":[{"x":2},3,{"y":4}],"c":{"x":5}}"#).unwrap();
        assert!(object.edit("a", |inner| inner.rename("x", "w")));
        assert!(object.edit_items("b", |inner| inner.rename("x", "w")));
        assert!(object.edit_each(|name, inner| name == "c" && inner.rename("x", "v")));
        assert_eq!(
            object.to_json(),
            r#"{"a":{"w":1},"b":[{"w":2},3,{"y":4}],"c":{"v":5}}"#
        );
    }

    #[test]
    fn a_change_that_did_not_happen_leaves_even_the_white_space() {
        let mut object = Object::parse(r#"{"a":{ "x" : 1 },"b":[ "u" ]}"#).unwrap();
        assert!(!object.edit("a", |inner| inner.rename("nothing", "w")));
        assert!(!object.edit("b", |_| true));
        assert!(!object.replace_items("b", |_| None));
        assert_eq!(object.to_json(), r#"{"a":{ "x" : 1 },"b":[ "u" ]}"#);
    }

    #[test]
    fn strings_of_an_array_are_replaced_and_other_values_kept() {
        let mut object = Object::parse(r#"{"a":["u",7,"v"]}"#).unwrap();
        assert!(object.replace_items("a", |text| (text == "v").then_some("w")));
        assert_eq!(object.to_json(), r#"{"a":["u",7,"w"]}"#);
    }

    #[test]
    fn a_string_that_two_are_replaced_by_stands_once() {
        let mut object = Object::parse(r#"{"a":["v","w","V","u","u"]}"#).unwrap();
        let replacement = |text: &str| text.eq_ignore_ascii_case("v").then_some("w");
        assert!(object.replace_items("a", replacement));
        assert_eq!(object.to_json(), r#"{"a":["w","u","u"]}"#);
    }

    #[test]
    fn values_are_compared_without_regard_to_order_and_white_space() {
        assert!(same(r#"{"a":1,"b":[2]}"#, r#"{ "b" : [2], "a": 1 }"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#));
        assert!(!same("[18446744073709551617]", "[18446744073709551618]"));
    }
}
