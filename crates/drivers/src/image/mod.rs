//! To come with its driver.
